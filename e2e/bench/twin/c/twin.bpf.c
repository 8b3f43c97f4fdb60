// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//
// Sends one event to user space for each change of the state of a TCP socket.
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct event {
	__u64 time;
	// sock is the address of the socket: what tells connections apart.
	__u64 sock;
	__u32 netns;
	__u32 pid;
	char comm[16];
	// IPv4 is in the first word.
	__be32 local[4];
	__be32 remote[4];
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u8 from;
	__u8 to;
};

// Half a megabyte, about what the usual tracers take of a machine with two
// processors (64 pages for each): bcc, Inspektor Gadget.
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} events SEC(".maps");

// lost counts events that found the buffer full.
__u64 lost;

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to)
{
	struct event *e;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->time = bpf_ktime_get_ns();
	e->sock = (__u64)sk;
	e->netns = sk->__sk_common.skc_net.net->ns.inum;
	// Whoever runs right now, as with every tracer: true for connect, chance
	// for what a packet did.
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->family = sk->__sk_common.skc_family;
	if (e->family == AF_INET) {
		e->local[0] = sk->__sk_common.skc_rcv_saddr;
		e->remote[0] = sk->__sk_common.skc_daddr;
	} else {
		__builtin_memcpy(e->local, sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32, sizeof(e->local));
		__builtin_memcpy(e->remote, sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32, sizeof(e->remote));
	}
	e->local_port = sk->__sk_common.skc_num;
	e->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	e->from = from;
	e->to = to;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

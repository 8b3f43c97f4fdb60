// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//
// Counts the outbound TCP connections of this node in the kernel, by holder and
// destination. Nothing is sent to user space: it reads the counters whenever it
// likes, and however late it comes, nothing is lost.
//
// A connection is followed from connect(2), which runs in the caller's context
// and therefore knows the process, by the address of its struct sock, which is
// its own until it reaches CLOSE. Accepted connections are never entered, so
// that their transitions cost one failed look-up each at the most.
//
// Two objects are made of this: BEFORE_5_17 is for kernels in which a program
// can neither claim a place in a table (5.12) nor loop for long (bpf_loop).
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#include "rows.h"
#include "conns.h"
#include "who.h"

// ---- connections ---------------------------------------------------------

static __always_inline enum phase phase_of(int state)
{
	switch (state) {
	case TCP_ESTABLISHED:
		return OPEN;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV: // both sides connected at once
		return ATTEMPTING;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		return CLOSING;
	default:
		return NONE;
	}
}

// now_of returns the time at which a packet came for a socket, which the kernel
// has noted just now (tcp_rcv_state_process), in ns.
static __always_inline __u64 now_of(struct sock *sk)
{
	return get(struct tcp_sock, sk, tcp_mstamp) * 1000;
}

// end_of returns the time at which a connection ends. One that was closed ends
// with a packet, mostly, and reading the clock takes longer than all else that an
// end does here. A program that lets go of one that was shut down less than a
// timer tick after the last packet makes it seem shorter by that time.
static __always_inline __u64 end_of(struct sock *sk, int oldstate)
{
	if (phase_of(oldstate) == CLOSING && get(struct tcp_sock, sk, rcv_tstamp) == (__u32)bpf_jiffies64())
		return now_of(sk);
	return bpf_ktime_get_ns();
}

// life counts how many ns a connection was established, in powers of two of a
// millisecond: 0 is less than one, i is from 2^(i-1) to below 2^i. It is not
// static, and therefore verified once and not on each way to it.
__noinline int life(__u32 index, __u64 ns)
{
	struct row *row = row_at(index);
	__u64 ms = ns / 1000000, i = 0;

	if (!row)
		return 0;
	if (ms >> 32)
		ms = 0xffffffff;
	if (ms >> 16) { i += 16; ms >>= 16; }
	if (ms >> 8) { i += 8; ms >>= 8; }
	if (ms >> 4) { i += 4; ms >>= 4; }
	if (ms >> 2) { i += 2; ms >>= 2; }
	if (ms >> 1) { i += 1; ms >>= 1; }
	i += ms;
	// The verifier has to see the bound, and that of Linux 6.1 sees one only in a
	// comparison with a constant: clang would put that into a register.
	asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(i) : "i"(LIVES - 1));
	add(row->lives[i], 1);
	return 0;
}

// failed counts an attempt that ends without a connection, and why. The local
// port is given back before this (tcp_set_state), whether one was found or not;
// but an attempt that found one has sent a SYN.
static __always_inline void failed(struct row *row, struct sock *sk)
{
	struct tcp_sock *tcp = (void *)sk;
	int err = sk->sk_err;

	add(row->fails, 1);
	if (err == ECONNREFUSED)
		add(row->refused, 1);
	else if (err == ETIMEDOUT)
		add(row->timed_out, 1);
	else if (!err && !BPF_CORE_READ(tcp, segs_out))
		add(row->no_port, 1); // inet_hash_connect found none
}

// broken reports whether an error of a socket is what a reset leaves behind.
static __always_inline bool broken(int err)
{
	return err == ECONNRESET || err == EPIPE || err == ECONNREFUSED || err == ECONNABORTED;
}

// waits_on reports whether a connection goes on into TIME_WAIT (tcp_time_wait),
// which is a socket of its own without further transitions. A program that
// aborts a half closed one has not let go of the socket yet, and no FIN came.
static __always_inline bool waits_on(struct sock *sk, int oldstate)
{
	return oldstate == TCP_CLOSING ||
	       (oldstate == TCP_FIN_WAIT2 && (sk->__sk_common.skc_flags & (1UL << SOCK_DEAD | 1UL << SOCK_DONE)));
}

// closed counts the end of a connection. tcp_reset (net/ipv4/tcp_input.c) leaves
// ECONNRESET or EPIPE behind; a program that aborts goes to CLOSE from any state
// but the last, and sends a reset afterwards, when the connection is forgotten.
static __always_inline void closed(struct row *row, struct sock *sk, int oldstate, struct conn *conn)
{
	int err = sk->sk_err;

	add(row->closes, 1);
	if (broken(err)) {
		add(row->resets, 1);
	} else if (!err && waits_on(sk, oldstate)) {
		add(row->time_waits, 1);
	} else if (!err && oldstate != TCP_LAST_ACK) {
		add(row->resets, 1);
		add(row->resets_out, 1);
	}
	if (conn->since)
		life(conn->row, end_of(sk, oldstate) - conn->since);
}

// forget ends a connection whose end was not seen: its socket is another's. How
// it ended is told by how far it had come: a reset finds connections open, and
// what closes first waits on.
static __always_inline void forget(struct conn *conn)
{
	struct row *row = row_at(conn->row);

	if (!row)
		return;
	switch (conn->phase) {
	case NONE:
		return;
	case ATTEMPTING:
		add(row->fails, 1);
		break;
	case OPEN:
		add(row->closes, 1);
		add(row->resets, 1);
		break;
	default:
		add(row->closes, 1);
		if (!conn->passive)
			add(row->time_waits, 1);
	}
	gauge(row, conn->phase, -1);
}

static __always_inline void begin(struct sock *sk)
{
	struct row_key key = {};
	struct conn conn = { .phase = ATTEMPTING }, *stale;
	__u64 id = id_of(sk);
	struct row *row;

	if (sk->sk_protocol != IPPROTO_TCP)
		return;
	key.pid = current_pid();
	if (!key.pid)
		return;
	key.netns = sk->__sk_common.skc_net.net->ns.inum;
	key.cgroup = cgroup_of(sk);
	key.port = sk->__sk_common.skc_dport;
	to_addr(key.addr, &sk->__sk_common, true);
	row = row_of(&key, true, &conn.row);
	if (!row)
		return;
	add(row->syn_sent, 1);
	switch (begin_at(id, &conn)) {
	case ENTERED:
	case GIVEN_UP:
		return;
	case KNOWN:
		stale = conn_of(id);
		if (stale) {
			forget(stale);
			*stale = conn;
			return;
		}
	case NO_ROOM:
		add(lost_conns, 1);
		gauge(row, ATTEMPTING, -1);
	}
}

// left forgets a connection whose socket is an accepted one's by now, and reports
// whether it was: nearly never. A function that is verified by itself takes no
// pointer, which an id is before Linux 5.17.
#ifdef BEFORE_5_17
static __always_inline
#else
__noinline
#endif
int left(__u64 id)
{
	struct conn *conn = conn_of(id);
	struct row *row;

	if (!conn)
		return 0;
	row = row_at(conn->row);
	if (!row || is_peer(id, &row->key))
		return 0;
	forget(conn);
	drop(id);
	return 1;
}

static __always_inline void follow(struct sock *sk, int oldstate, int newstate)
{
	__u32 phase, was, at;
	struct conn *conn;
	struct row *row;
	__u64 id;

	// What is accepted here was never begun.
	if (oldstate == TCP_LISTEN || newstate == TCP_LISTEN)
		return;
	phase = phase_of(newstate);
	if (phase == phase_of(oldstate))
		return;
	id = id_of(sk);
	conn = conn_at(id, &at);
	if (!conn)
		return;
	if (oldstate == TCP_SYN_RECV && left(id))
		return;
	row = row_at(conn->row);
	if (!row)
		return;
	was = conn->phase;
	if (was == phase)
		goto out; // a check was faster
	conn->phase = phase;
	// Whoever reads a row in the middle must not find it idle: what a connection
	// becomes is counted before it ceases to be what it was.
	if (phase == NONE) {
		if (phase_of(oldstate) == ATTEMPTING) {
			failed(row, sk);
		} else {
			if (was == ATTEMPTING)
				add(row->opens, 1); // that was not seen
			closed(row, sk, oldstate, conn);
		}
	} else {
		if (was == ATTEMPTING) {
			add(row->opens, 1);
			conn->since = now_of(sk);
		}
		if (newstate == TCP_CLOSE_WAIT)
			conn->passive = 1;
		gauge(row, phase, 1);
	}
	gauge(row, was, -1);
out:
	if (phase == NONE)
		drop_at(id, at);
}

// The kernel does not run a program that it has interrupted on the same processor
// (bpf_trace_run): a packet that comes while on_state runs for a system call
// changes states unseen. What follows does without: an open that was not seen is
// counted with the close, an end when the address is another's, or by a check.
// Connections begin with a system call, which interrupts nothing. The end of a
// socket has a tracepoint of its own (tcp_destroy_sock), but seeing each end twice
// costs every connection more than it tells of a few.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	if (newstate == TCP_SYN_SENT)
		begin(sk);
	else
		follow(sk, oldstate, newstate);
	return 0;
}

static __always_inline struct row *row_of_sock(const void *sk, struct conn **conn)
{
	__u64 id = id_of(sk);

	*conn = conn_of(id);
	return *conn ? row_at((*conn)->row) : NULL;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sk)
{
	struct conn *conn;
	struct row *row = row_of_sock(sk, &conn);

	if (!row)
		return 0;
	if (conn->phase == ATTEMPTING)
		add(row->syn_retrans, 1);
	else
		add(row->retrans, 1);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in, struct sock *sk)
{
	struct conn *conn;
	struct row *row = row_of_sock(sk, &conn);

	if (row)
		add(row->resets_in, 1);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_out, const struct sock *sk)
{
	struct conn *conn;
	struct row *row = row_of_sock(sk, &conn);

	if (row)
		add(row->resets_out, 1);
	return 0;
}

#include "check.h"
#include "seed.h"

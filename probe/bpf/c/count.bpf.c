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
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { COMM = 16, LIVES = 24, SILENCES = 7 };

// row_key says who talks to what. There are no holes: it is hashed as bytes.
struct row_key {
	__u64 cgroup;
	__u32 netns;
	__u32 pid;
	// IPv4 is mapped into IPv6.
	__be32 addr[4];
	__be16 port;
	__u16 zero[3];
};

struct row {
	struct row_key key;
	char comm[COMM];
	// live is set last, when key and comm are there.
	__u32 live;

	__u32 established, closing, syn_sent;

	__u32 opens, closes, fails;
	__u32 resets, refused, timed_out, no_port;
	__u32 syn_retrans, retrans, time_waits;
	__u32 resets_in, resets_out;
	__u32 lives[LIVES];

	// silent are those of established through which nothing passes, as the last
	// check found them. User space sets them to 0 before each.
	__u32 silent[SILENCES];
};

enum phase { NONE, ATTEMPTING, OPEN, CLOSING };

// conn is what is remembered of one connection.
struct conn {
	// since is when it was established, in ns; 0 when it was found so.
	__u64 since;
	__u32 row;
	__u8 phase;
	// passive means that the other side closed first.
	__u8 passive;
	// doubt is not 0 when the last check found the socket elsewhere.
	__u16 doubt;
};

// Rows live in an array that user space maps: reading them costs no system
// call, and an index never goes stale under a program that runs right now.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); // set when loaded
	__type(key, __u32);
	__type(value, struct row);
} rows SEC(".maps");

// Which row a key has. User space removes a key first, and gives its row away
// again when no program can be holding the index any more.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); // as rows
	__type(key, struct row_key);
	__type(value, __u32);
} keys SEC(".maps");

// Rows that are free, zeroed; the last that was given back goes first, so that
// the rows in use lie close together. The spare ones are for holders without their
// process, when the others are used up.
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1); // as rows
	__type(value, __u32);
} free_rows SEC(".maps"), spare_rows SEC(".maps");

// Connections by the address of their struct sock.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); // set when loaded
	__type(key, __u64);
	__type(value, struct conn);
} conns SEC(".maps");

// What does not fit is counted here, and attempts that a shared kernel makes for
// other nodes are not ours.
volatile __u64 lost_rows, lost_conns;

// The PID namespace of the node, and its depth: set by the first iterator, which
// runs in the probe's own context.
volatile __u32 node_pidns, node_level;

// Timer ticks a second, and in a unit of silence, which is a minute: set when
// loaded.
const volatile __u32 hz = 250, silence_unit = 60 * 250;

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

// ---- who -----------------------------------------------------------------

static __always_inline __u32 pid_at(struct pid *pid, __u32 level, __u32 *ns)
{
	struct upid u = {};
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 size = bpf_core_type_size(struct upid);

	if (level > 32) // MAX_PID_NS_LEVEL
		return 0;
	if (bpf_probe_read_kernel(&u.nr, sizeof(u.nr), numbers + level * size + bpf_core_field_offset(struct upid, nr)))
		return 0;
	if (bpf_probe_read_kernel(&u.ns, sizeof(u.ns), numbers + level * size + bpf_core_field_offset(struct upid, ns)))
		return 0;
	*ns = BPF_CORE_READ(u.ns, ns.inum);
	return u.nr;
}

// task_pid returns the process of a thread as the node numbers it, 0 when it is
// not the node's: nodes may share a kernel (kind), and a tracepoint sees all.
static __always_inline __u32 task_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 ns = 0, nr;

	if (!pid || BPF_CORE_READ(pid, level) < node_level)
		return 0;
	nr = pid_at(pid, node_level, &ns);
	return ns == node_pidns ? nr : 0;
}

// current_pid returns the process that runs this very program. The topmost
// namespace, where nodes usually live, is the one that the kernel counts in.
static __always_inline __u32 current_pid(void)
{
	if (!node_pidns)
		return 0; // not told yet where we live
	if (!node_level)
		return bpf_get_current_pid_tgid() >> 32;
	return task_pid((void *)bpf_get_current_task());
}

// cgroup_of reads without helpers where the pointer is known to be one.
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	struct cgroup *cgrp;

	if (bpf_core_field_exists(struct sock_cgroup_data, cgroup)) {
		cgrp = sk->sk_cgrp_data.cgroup;
		return cgrp ? cgrp->kn->id : 0;
	}
	struct sock_cgroup_data___before_5_15 *old = (void *)&sk->sk_cgrp_data;
	__u64 val = BPF_CORE_READ(old, val);

	cgrp = (void *)val;
	return val && !(val & 1) ? BPF_CORE_READ(cgrp, kn, id) : 0;
}

static __always_inline void to_addr(__be32 dst[4], struct sock_common *skc, bool remote)
{
	if (skc->skc_family == AF_INET) {
		dst[0] = dst[1] = 0;
		dst[2] = bpf_htonl(0xffff);
		dst[3] = remote ? skc->skc_daddr : skc->skc_rcv_saddr;
		return;
	}
	struct in6_addr *src = remote ? &skc->skc_v6_daddr : &skc->skc_v6_rcv_saddr;

	for (int i = 0; i < 4; i++)
		dst[i] = src->in6_u.u6_addr32[i];
}

// ---- rows ----------------------------------------------------------------

static __always_inline struct row *row_at(__u32 index)
{
	return bpf_map_lookup_elem(&rows, &index);
}

static __always_inline int take_row(struct row_key *key, void *stack, bool comm, __u32 *index)
{
	struct row *row;
	__u32 i, *taken;
	long err;

	if (bpf_map_pop_elem(stack, &i))
		return -1;
	row = row_at(i);
	if (!row)
		return -1;
	row->key = *key;
	if (comm) {
		// The process's name: threads may have names of their own.
		struct task_struct *task = (void *)bpf_get_current_task();

		BPF_CORE_READ_STR_INTO(&row->comm, task, group_leader, comm);
	} else {
		row->comm[0] = 0; // whoever was slower may have left its name
	}
	err = bpf_map_update_elem(&keys, key, &i, BPF_NOEXIST);
	if (!err) {
		add(row->live, 1);
		*index = i;
		return 0;
	}
	bpf_map_push_elem(stack, &i, BPF_ANY);
	// Another processor was faster.
	taken = bpf_map_lookup_elem(&keys, key);
	if (!taken)
		return -1;
	*index = *taken;
	return 0;
}

// row_of returns the row of a key, which loses its process when rows are scarce.
static __always_inline struct row *row_of(struct row_key *key, bool comm, __u32 *index)
{
	__u32 *found = bpf_map_lookup_elem(&keys, key);

	if (found) {
		*index = *found;
		return row_at(*index);
	}
	if (!take_row(key, &free_rows, comm, index))
		return row_at(*index);
	key->pid = 0;
	found = bpf_map_lookup_elem(&keys, key);
	if (found) {
		*index = *found;
		return row_at(*index);
	}
	if (!take_row(key, &spare_rows, false, index))
		return row_at(*index);
	add(lost_rows, 1);
	return NULL;
}

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

static __always_inline void gauge(struct row *row, __u32 phase, __u32 n)
{
	switch (phase) {
	case ATTEMPTING:
		add(row->syn_sent, n);
		break;
	case OPEN:
		add(row->established, n);
		break;
	case CLOSING:
		add(row->closing, n);
		break;
	}
}

// life counts how long a connection was established, in powers of two of a
// millisecond: 0 is less than one, i is from 2^(i-1) to below 2^i.
static __always_inline void life(struct row *row, __u64 since)
{
	__u64 ms, i = 0;

	if (!since)
		return;
	ms = (bpf_ktime_get_ns() - since) / 1000000;
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
static __always_inline void closed(struct row *row, struct sock *sk, int oldstate, __u64 since)
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
	life(row, since);
}

// forget ends a connection whose end was not seen: its socket is another's.
static __always_inline void forget(struct conn *conn)
{
	struct row *row = row_at(conn->row);

	if (!row || conn->phase == NONE)
		return;
	if (conn->phase == ATTEMPTING)
		add(row->fails, 1);
	else
		add(row->closes, 1);
	gauge(row, conn->phase, -1);
}

static __always_inline void begin(struct sock *sk)
{
	struct row_key key = {};
	struct conn conn = { .phase = ATTEMPTING };
	__u64 id = (__u64)sk;
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
	if (bpf_map_update_elem(&conns, &id, &conn, BPF_NOEXIST)) {
		struct conn *stale = bpf_map_lookup_elem(&conns, &id);

		if (!stale) {
			add(lost_conns, 1);
			return;
		}
		forget(stale);
		*stale = conn;
	}
	add(row->syn_sent, 1);
}

static __always_inline void follow(struct sock *sk, int oldstate, int newstate)
{
	__u32 phase, was;
	__u64 id = (__u64)sk;
	struct conn *conn;
	struct row *row;

	// What is accepted here was never begun.
	if (oldstate == TCP_LISTEN || newstate == TCP_LISTEN)
		return;
	phase = phase_of(newstate);
	if (phase == phase_of(oldstate))
		return;
	conn = bpf_map_lookup_elem(&conns, &id);
	if (!conn)
		return;
	was = conn->phase;
	if (was == phase)
		goto out; // a check was faster
	row = row_at(conn->row);
	if (!row)
		return;
	conn->phase = phase;
	// Whoever reads a row in the middle must not find it idle: what a connection
	// becomes is counted before it ceases to be what it was.
	if (phase == NONE) {
		if (phase_of(oldstate) == ATTEMPTING) {
			failed(row, sk);
		} else {
			if (was == ATTEMPTING)
				add(row->opens, 1); // that was not seen
			closed(row, sk, oldstate, conn->since);
		}
	} else {
		if (was == ATTEMPTING) {
			add(row->opens, 1);
			conn->since = bpf_ktime_get_ns();
		}
		if (newstate == TCP_CLOSE_WAIT)
			conn->passive = 1;
		gauge(row, phase, 1);
	}
	gauge(row, was, -1);
out:
	if (phase == NONE)
		bpf_map_delete_elem(&conns, &id);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	if (newstate == TCP_SYN_SENT)
		begin(sk);
	else
		follow(sk, oldstate, newstate);
	return 0;
}

// on_destroy ends what on_state could not. The kernel does not run a program
// that it has interrupted on the same processor (bpf_trace_run): a packet that
// comes while on_state runs for a system call changes states unseen. A socket is
// destroyed after it was closed (inet_csk_destroy_sock), so that whoever is
// still remembered then was not seen to end. Connections begin with a system
// call, which interrupts nothing.
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct tcp_sock *tcp = (void *)sk;
	__u64 id = (__u64)sk;
	struct conn *conn;
	struct row *row;
	int err;
	__u32 was;

	conn = bpf_map_lookup_elem(&conns, &id);
	if (!conn)
		return 0;
	row = row_at(conn->row);
	was = conn->phase;
	if (!row || was == NONE)
		goto out;
	conn->phase = NONE;
	err = sk->sk_err;
	// The answer to a SYN acknowledges it.
	if (was == ATTEMPTING && !BPF_CORE_READ(tcp, bytes_acked)) {
		failed(row, sk);
	} else {
		if (was == ATTEMPTING)
			add(row->opens, 1);
		add(row->closes, 1);
		if (broken(err))
			add(row->resets, 1);
		else if (!err && was == CLOSING && !conn->passive)
			add(row->time_waits, 1);
		life(row, conn->since);
	}
	gauge(row, was, -1);
out:
	bpf_map_delete_elem(&conns, &id);
	return 0;
}

static __always_inline struct row *row_of_sock(const void *sk, struct conn **conn)
{
	__u64 id = (__u64)sk;

	*conn = bpf_map_lookup_elem(&conns, &id);
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

// ---- checks ----------------------------------------------------------------

// mended counts the connections whose end, or change of state, was seen by a
// check and not by the programs above.
volatile __u64 mended;

// truth returns the phase of the socket at an address, NONE when it is closed or
// another's. Memory of TCP sockets stays theirs (SLAB_TYPESAFE_BY_RCU).
static __always_inline __u32 truth(__u64 id, struct row *row)
{
	struct sock_common *skc = (void *)id;
	__be32 addr[4] = {};

	if (BPF_CORE_READ(skc, skc_dport) != row->key.port)
		return NONE;
	switch (BPF_CORE_READ(skc, skc_family)) {
	case AF_INET:
		addr[2] = bpf_htonl(0xffff);
		addr[3] = BPF_CORE_READ(skc, skc_daddr);
		break;
	case AF_INET6:
		BPF_CORE_READ_INTO(&addr, skc, skc_v6_daddr);
		break;
	}
	if (addr[0] != row->key.addr[0] || addr[1] != row->key.addr[1] || addr[2] != row->key.addr[2] || addr[3] != row->key.addr[3])
		return NONE;
	return phase_of(BPF_CORE_READ(skc, skc_state));
}

// ago returns how many ticks have passed since one that was noted. They wrap
// around; another processor may note one that this one does not know yet.
static __always_inline __u32 ago(__u32 now, __u32 tick)
{
	__u32 age = now - tick;

	return age > 0xffffff00 ? 0 : age;
}

// last_packet returns how many ticks ago the newest packet of a connection passed.
// The kernel notes when it sent data, got data, and got an acknowledgement: that
// of data, or of a keep-alive of ours (tcp_get_info tells the three). A keep-alive
// of the other side changes none of them, but it is outside the window and noted
// as such (tcp_oow_rate_limited); 0 means that none came.
static __always_inline __u32 last_packet(__u64 id)
{
	struct inet_connection_sock *icsk = (void *)id;
	struct tcp_sock *tcp = (void *)id;
	__u32 sent = BPF_CORE_READ(tcp, lsndtime);
	__u32 acked = BPF_CORE_READ(tcp, rcv_tstamp);
	__u32 beside = BPF_CORE_READ(tcp, last_oow_ack_time);
	__u32 got = BPF_CORE_READ(icsk, icsk_ack.lrcvtime);
	__u32 now = bpf_jiffies64();
	__u32 age = ago(now, sent), other = ago(now, acked);

	if (other < age)
		age = other;
	other = ago(now, got);
	if (other < age)
		age = other;
	other = ago(now, beside);
	if (beside && other < age)
		age = other;
	return age;
}

// at_least adds 1 to i when n is not below a power of two. In C, clang asks the
// same twice in different words, and the verifier of Linux 6.1 takes what cannot
// be for a way through.
#define at_least(i, n, power) asm volatile("if %1 < %2 goto +1\n%0 += 1" : "+r"(i) : "r"(n), "i"(power))

// silent counts a connection that is silent, in powers of two of the unit: 0 is
// one unit to below two, i is from 2^i to below 2^(i+1), and the last is open.
static __always_inline void silent(struct row *row, __u64 id)
{
	__u64 n = last_packet(id) / silence_unit, i = 0;

	if (!n)
		return;
	at_least(i, n, 2);
	at_least(i, n, 4);
	at_least(i, n, 8);
	at_least(i, n, 16);
	at_least(i, n, 32);
	at_least(i, n, 64); // SILENCES - 1 of them
	add(row->silent[i], 1);
}

// check holds one connection against its socket. Changes of state go by unseen
// when a processor is starved: rarely, and without a word of the kernel's. What
// is found changed twice, seconds apart, did so unseen; a program that sees it
// after all between these lines loses nothing but its own count of it.
SEC("iter/bpf_map_elem")
int check(struct bpf_iter__bpf_map_elem *ctx)
{
	struct conn *conn = ctx->value;
	__u64 *key = ctx->key;
	struct row *row;
	__u32 now, was;
	__u64 id;

	if (!key || !conn)
		return 0;
	id = *key;
	conn = bpf_map_lookup_elem(&conns, &id); // one that can be written
	if (!conn)
		return 0;
	row = row_at(conn->row);
	if (!row)
		return 0;
	was = conn->phase;
	now = truth(id, row);
	if (now == was) {
		conn->doubt = 0;
		if (now == OPEN)
			silent(row, id);
		return 0;
	}
	if (conn->doubt != was) {
		conn->doubt = was;
		return 0;
	}
	conn->doubt = 0;
	add(mended, 1);
	if (now == NONE) {
		forget(conn);
		bpf_map_delete_elem(&conns, &id);
		return 0;
	}
	if (was == ATTEMPTING)
		add(row->opens, 1);
	conn->phase = now;
	gauge(row, now, 1);
	gauge(row, was, -1);
	return 0;
}

// ---- what was there before -----------------------------------------------

// Which process holds which socket; used while seeding, and gone afterwards.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); // set when loaded
	__type(key, __u64);
	__type(value, __u32);
} holders SEC(".maps");

struct listener {
	__be32 addr[4];
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listener);
	__type(value, __u8);
} listeners SEC(".maps");

// Connections found in TIME_WAIT, by when they end.
struct wait {
	__u32 row;
	__u32 seconds;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct wait);
	__type(value, __u32);
} waits SEC(".maps");

// sockets counts what the seeding met, unseeded what did not fit.
volatile __u64 sockets, unseeded;

// tcp_sock_of returns the TCP socket of an open file. The file's own fields need
// no helper to read.
static __always_inline struct sock *tcp_sock_of(struct file *file)
{
	struct socket *socket;
	struct sock *sk;

	if (file->f_inode->i_sb->s_magic != SOCKFS_MAGIC)
		return NULL;
	socket = file->private_data;
	if (!socket)
		return NULL;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return NULL;
	return sk;
}

// holding notes the first process of each socket. Its first call tells where
// the probe lives.
SEC("iter/task_file")
int holding(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	__u64 id;
	__u32 pid;

	if (!node_pidns) {
		struct task_struct *self = (void *)bpf_get_current_task();
		struct pid *own = BPF_CORE_READ(self, group_leader, thread_pid);
		__u32 level = BPF_CORE_READ(own, level), ns = 0;

		pid_at(own, level, &ns);
		node_level = level;
		node_pidns = ns;
	}
	if (!task || !file)
		return 0;
	sk = tcp_sock_of(file);
	if (!sk)
		return 0;
	pid = node_level ? task_pid(task) : task->tgid;
	if (!pid)
		return 0;
	id = (__u64)sk;
	bpf_map_update_elem(&holders, &id, &pid, BPF_NOEXIST);
	return 0;
}

static __always_inline void heard(struct sock_common *skc)
{
	struct listener l = {};
	__u8 one = 1;

	l.netns = skc->skc_net.net->ns.inum;
	l.port = skc->skc_num;
	to_addr(l.addr, skc, false);
	// A wildcard of either family.
	if (!l.addr[3] && !l.addr[0] && !l.addr[1])
		l.addr[2] = 0;
	bpf_map_update_elem(&listeners, &l, &one, BPF_ANY);
}

static __always_inline bool accepted(struct sock_common *skc)
{
	struct listener l = {};

	l.netns = skc->skc_net.net->ns.inum;
	l.port = skc->skc_num;
	if (bpf_map_lookup_elem(&listeners, &l))
		return true;
	to_addr(l.addr, skc, false);
	return bpf_map_lookup_elem(&listeners, &l) != NULL;
}

static __always_inline void found_waiting(struct row *row, __u32 index, struct sock_common *skc)
{
	struct tcp_timewait_sock *tw = bpf_skc_to_tcp_timewait_sock(skc);
	struct wait w = { .row = index };
	__u32 one = 1, *n;
	__s64 left;

	if (!tw)
		return;
	left = (__s64)(BPF_CORE_READ(tw, tw_sk.tw_timer.expires) - bpf_jiffies64());
	if (left > 0)
		w.seconds = (__u64)left / hz;
	if (w.seconds > 3600)
		w.seconds = 3600;
	// It lived and died before the count began; its port is held all the same.
	add(row->closes, 1);
	n = bpf_map_lookup_elem(&waits, &w);
	if (n)
		add(*n, 1);
	else if (bpf_map_update_elem(&waits, &w, &one, BPF_NOEXIST))
		add(unseeded, 1);
}

// found enters what is open in the reader's network namespace. The iterator
// walks the listening sockets first. It holds the socket's or its bucket's lock
// (net/ipv4/tcp_ipv4.c), which a socket needs on its way to CLOSE: on_state
// comes either before, and the socket is not met here, or after.
SEC("iter/tcp")
int found(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct row_key key = {};
	struct conn conn = {};
	struct row *row;
	struct sock *sk;
	__u64 id;
	__u32 *pid;
	int state;

	if (!skc)
		return 0;
	state = skc->skc_state;
	if (state == TCP_LISTEN) {
		heard(skc);
		return 0;
	}
	sockets++;
	conn.phase = phase_of(state);
	// A request that waits for its handshake is the other side's.
	if ((conn.phase == NONE && state != TCP_TIME_WAIT) || state == TCP_SYN_RECV)
		return 0;
	if (accepted(skc))
		return 0;
	id = (__u64)skc;
	key.netns = skc->skc_net.net->ns.inum;
	key.port = skc->skc_dport;
	to_addr(key.addr, skc, true);
	sk = (struct sock *)bpf_skc_to_tcp_sock(skc);
	if (sk) {
		key.cgroup = cgroup_of(sk);
		pid = bpf_map_lookup_elem(&holders, &id);
		if (pid)
			key.pid = *pid;
	}
	row = row_of(&key, false, &conn.row);
	if (!row)
		return 0;
	if (!sk) {
		found_waiting(row, conn.row, skc);
		return 0;
	}
	if (bpf_map_update_elem(&conns, &id, &conn, BPF_NOEXIST)) {
		// Begun since the programs were attached, or no room.
		if (!bpf_map_lookup_elem(&conns, &id))
			add(unseeded, 1);
		return 0;
	}
	gauge(row, conn.phase, 1);
	return 0;
}

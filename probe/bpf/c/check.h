/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * A look at every connection from time to time: what went by unseen, and which
 * are silent.
 */
#pragma once

// Timer ticks a second, and in a unit of silence, which is a minute: set when
// loaded.
const volatile __u32 hz = 250, silence_unit = 60 * 250;

// mended counts the connections whose end, or change of state, was seen by a
// check and not by the programs above.
volatile __u64 mended;

// truth returns the phase of the socket at an address, NONE when it is closed or
// another's. Memory of TCP sockets stays theirs (SLAB_TYPESAFE_BY_RCU).
static __always_inline __u32 truth(__u64 id, struct row *row)
{
	return is_peer(id, &row->key) ? phase_of(get(struct sock_common, id, skc_state)) : NONE;
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
	__u32 sent = get(struct tcp_sock, id, lsndtime);
	__u32 acked = get(struct tcp_sock, id, rcv_tstamp);
	__u32 beside = get(struct tcp_sock, id, last_oow_ack_time);
	__u32 got = get(struct inet_connection_sock, id, icsk_ack.lrcvtime);
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

// hold holds one connection against its socket. Changes of state go by unseen
// when a processor is starved: rarely, and without a word of the kernel's. What
// is found changed twice, seconds apart, did so unseen; a program that sees it
// after all between these lines loses nothing but its own count of it.
__noinline int hold(__u64 id)
{
	struct conn *conn = conn_of(id); // one that can be written
	struct row *row;
	__u32 now, was;

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
		drop(id);
		return 0;
	}
	if (was == ATTEMPTING)
		add(row->opens, 1);
	conn->phase = now;
	gauge(row, now, 1);
	gauge(row, was, -1);
	return 0;
}

// check walks the table of connections.
SEC("iter/bpf_map_elem")
int check(struct bpf_iter__bpf_map_elem *ctx)
{
#ifdef BEFORE_5_17
	__u64 *id = ctx->key;

	if (id)
		hold(*id);
#else
	struct bucket *b = ctx->value;

	if (!b)
		return 0;
	for (int way = 0; way < WAYS; way++)
		if (b->socks[way] > CLAIMED)
			hold(b->socks[way]);
#endif
	return 0;
}

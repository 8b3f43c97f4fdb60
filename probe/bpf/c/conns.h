/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Connections, by the address of their struct sock.
 */
#pragma once

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

// id_of makes a number of what the verifier knows for a pointer, with which no
// program may calculate. Of one that was written over in part it knows nothing
// any more; and one half is a number already.
static __always_inline __u64 id_of(const void *sk)
{
#ifdef BEFORE_5_17
	return (__u64)sk;
#else
	volatile __u64 whole = (__u64)sk;
	volatile __u32 *halves = (void *)&whole;
	__u32 low;

	asm volatile("%0 = %1" : "=w"(low) : "w"((__u32)(__u64)sk));
	halves[0] = low;
	return (__u64)halves[1] << 32 | low;
#endif
}

// lost_conns counts the connections for which there was no room.
volatile __u64 lost_conns;

// What came of entering a connection. One that was given up for another entry of
// the same socket has been taken from its row already.
enum entry { ENTERED, KNOWN, GIVEN_UP, NO_ROOM };

#ifdef BEFORE_5_17

// Before Linux 5.12 a program cannot claim a place for itself.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); // set when loaded
	__type(key, __u64);
	__type(value, struct conn);
} socks SEC(".maps");

static __always_inline struct conn *conn_of(__u64 id)
{
	return bpf_map_lookup_elem(&socks, &id);
}

static __always_inline struct conn *conn_at(__u64 id, __u32 *at)
{
	return conn_of(id);
}

static __always_inline enum entry enter(__u64 id, struct conn *conn)
{
	if (!bpf_map_update_elem(&socks, &id, conn, BPF_NOEXIST))
		return ENTERED;
	return conn_of(id) ? KNOWN : NO_ROOM;
}

static __always_inline enum entry begin_at(__u64 id, struct conn *conn)
{
	return enter(id, conn);
}

static __always_inline void drop_at(__u64 id, __u32 at)
{
	bpf_map_delete_elem(&socks, &id);
}

static __always_inline void drop(__u64 id)
{
	drop_at(id, 0);
}

#else

// A table of our own, which costs a look at one cache line for a socket that is
// not in it, and no memory is allocated while somebody connects. Sockets lie in
// buckets of one cache line; one that finds its bucket full goes to the next.
enum { WAYS = 7, PLACES = 8, REACH = 8 };

struct bucket {
	__u64 socks[WAYS];
	// passed counts the sockets that went on from here.
	__u32 passed;
	__u32 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); // which lets it begin with a page
	__uint(max_entries, 1); // set when loaded
	__type(key, __u32);
	__type(value, struct bucket);
} socks SEC(".maps");

// What is remembered of each socket, in the order of the buckets.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); // PLACES for each bucket, the last of which is unused
	__type(key, __u32);
	__type(value, struct conn);
} conns SEC(".maps");

// How many buckets there are: set when loaded.
const volatile __u32 buckets = 1;

// A place that is taken already, and not filled yet.
#define CLAIMED 1ULL
#define NOWHERE 0xffffffffU

static __always_inline __u32 home(__u64 id)
{
	__u32 hash = (id >> 6) * 0x9e3779b97f4a7c15ULL >> 32;

	return (__u64)hash * buckets >> 32;
}

static __always_inline __u32 after(__u32 at)
{
	return (at + 1) % buckets; // of which the verifier knows nothing, and follows one way
}

static __always_inline __u32 search(__u64 id)
{
	__u32 at = home(id);

	// A reset that is nobody's has no socket, and free places have none either.
	if (id <= CLAIMED)
		return NOWHERE;
	for (int i = 0; i < REACH; i++) {
		struct bucket *b = bpf_map_lookup_elem(&socks, &at);

		if (!b)
			break;
#pragma unroll
		for (int way = 0; way < WAYS; way++)
			if (b->socks[way] == id)
				return at * PLACES + way;
		if (!b->passed)
			break;
		at = after(at);
	}
	return NOWHERE;
}

// place returns where a socket is. It is not static, and therefore verified once
// and not once more wherever it is called.
__noinline __u32 place(__u64 id)
{
	return search(id);
}

static __always_inline struct conn *conn_of(__u64 id)
{
	__u32 at = place(id);

	return at == NOWHERE ? NULL : bpf_map_lookup_elem(&conns, &at);
}

// conn_at is conn_of without a call, and tells where it is.
static __always_inline struct conn *conn_at(__u64 id, __u32 *at)
{
	*at = search(id);
	return *at == NOWHERE ? NULL : bpf_map_lookup_elem(&conns, at);
}

// pass counts a socket in the buckets from its home on, before the last.
__noinline int pass(__u64 id, __u32 last, __u32 n)
{
	__u32 at = home(id);

	for (int i = 0; i < REACH && at != last; i++) {
		struct bucket *b = bpf_map_lookup_elem(&socks, &at);

		if (!b)
			break;
		add(b->passed, n);
		at = after(at);
	}
	return 0; // a function that is verified by itself returns a number
}

// claim takes a free place for a socket.
__noinline __u32 claim(__u64 id)
{
	__u32 at = home(id);

	for (int i = 0; i < REACH; i++) {
		struct bucket *b = bpf_map_lookup_elem(&socks, &at);

		if (!b)
			break;
#pragma unroll
		for (int way = 0; way < WAYS; way++) {
			if (b->socks[way] || __sync_val_compare_and_swap(&b->socks[way], 0, CLAIMED))
				continue;
			// Whoever looks for it has to pass those that were full.
			pass(id, at, 1);
			return at * PLACES + way;
		}
		at = after(at);
	}
	return NOWHERE;
}

// set_sock says whose a place is.
static __always_inline void set_sock(__u32 place, __u64 id)
{
	__u32 at = place / PLACES;
	struct bucket *b = bpf_map_lookup_elem(&socks, &at);

	if (b)
		__sync_lock_test_and_set(&b->socks[place % PLACES], id);
}

// other returns where a socket is beside a place of its own, nearly always NOWHERE.
__noinline __u32 other(__u64 id, __u32 mine)
{
	__u32 at = home(id);

	for (int i = 0; i < REACH; i++) {
		struct bucket *b = bpf_map_lookup_elem(&socks, &at);

		if (!b)
			break;
#pragma unroll
		for (int way = 0; way < WAYS; way++)
			if (b->socks[way] == id && at * PLACES + way != mine)
				return at * PLACES + way;
		if (!b->passed)
			break;
		at = after(at);
	}
	return NOWHERE;
}

// vacate takes a socket out of a place, and reports whether it did: of two that
// try, one does.
static __always_inline bool vacate(__u64 id, __u32 place)
{
	__u32 at = place / PLACES;
	struct bucket *b = bpf_map_lookup_elem(&socks, &at);

	if (!b || __sync_val_compare_and_swap(&b->socks[place % PLACES], id, 0) != id)
		return false;
	if (at != home(id))
		pass(id, at, -1);
	return true;
}

static __always_inline void drop_at(__u64 id, __u32 at)
{
	set_sock(at, 0);
	if (at / PLACES != home(id))
		pass(id, at / PLACES, -1);
}

// alone resolves that two workers have entered a socket that processes share: one
// of them at least sees the other's entry, and the later place is given up,
// whoever sees it.
static __always_inline enum entry alone(__u64 id, __u32 mine)
{
	__u32 theirs = other(id, mine), index, phase;
	struct conn *c;
	struct row *row;

	if (theirs == NOWHERE)
		return ENTERED;
	if (theirs < mine)
		return vacate(id, mine) ? KNOWN : GIVEN_UP;
	c = bpf_map_lookup_elem(&conns, &theirs);
	if (!c)
		return ENTERED; // cannot be
	index = c->row;
	phase = c->phase;
	row = row_at(index);
	if (row && vacate(id, theirs))
		gauge(row, phase, -1);
	return ENTERED;
}

// enter makes a connection known, if it is not.
static __always_inline enum entry enter(__u64 id, struct conn *conn)
{
	struct conn *c;
	__u32 at;

	if (place(id) != NOWHERE)
		return KNOWN;
	at = claim(id);
	if (at == NOWHERE)
		return NO_ROOM;
	c = bpf_map_lookup_elem(&conns, &at);
	if (!c)
		return NO_ROOM; // cannot be
	*c = *conn;
	set_sock(at, id);
	return alone(id, at);
}

// begin_at is enter for a socket that nobody else can be entering: nearly always
// there is room in its bucket.
static __always_inline enum entry begin_at(__u64 id, struct conn *conn)
{
	__u32 at = home(id), way = WAYS;
	struct bucket *b = bpf_map_lookup_elem(&socks, &at);
	struct conn *c;

	if (!b)
		return NO_ROOM; // cannot be
	if (b->passed)
		return enter(id, conn);
#pragma unroll
	for (int i = WAYS - 1; i >= 0; i--) {
		if (b->socks[i] == id)
			return KNOWN;
		if (!b->socks[i])
			way = i;
	}
	if (way == WAYS || __sync_val_compare_and_swap(&b->socks[way % PLACES], 0, CLAIMED))
		return enter(id, conn);
	at = at * PLACES + way;
	c = bpf_map_lookup_elem(&conns, &at);
	if (!c)
		return NO_ROOM; // cannot be
	*c = *conn;
	__sync_lock_test_and_set(&b->socks[way % PLACES], id);
	return ENTERED;
}

static __always_inline void drop(__u64 id)
{
	__u32 at = place(id);

	if (at != NOWHERE)
		drop_at(id, at);
}

#endif

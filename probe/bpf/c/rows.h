/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Rows: the sums of one holder and one destination.
 */
#pragma once

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

// row is four cache lines of its own: two processors that count for different
// destinations do not wait for each other. The first has what every connection
// changes, the third most of what its end does.
struct row {
	struct row_key key;
	// live is set last, when key and comm are there.
	__u32 live;
	__u32 established, closing, syn_sent;
	__u32 opens, closes;

	char comm[COMM];
	__u32 fails, resets, refused, timed_out, no_port;
	__u32 syn_retrans, retrans;
	__u32 resets_in, resets_out;
	__u32 zero[3];

	__u32 time_waits;
	__u32 lives[LIVES];
	// silent are those of established through which nothing passes, as the last
	// check found them. User space sets them to 0 before each.
	__u32 silent[SILENCES];
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

// lost_rows counts the connections that got no row.
volatile __u64 lost_rows;

#define add(counter, n) __sync_fetch_and_add(&(counter), (n))

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

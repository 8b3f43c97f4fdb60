/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * What was there before. Each step is an iterator over tasks, which is no more
 * than a way to run a program: it does a bounded part of the work, and asks to be
 * called again with the same task by returning 1, until it has nothing to do. In
 * between, the processor is free for others. Two threads may run a step at once.
 *
 * Sockets are read without locks, as their memory stays theirs
 * (SLAB_TYPESAFE_BY_RCU). What may change meanwhile is read again once it was
 * entered: from then on the programs on the tracepoints follow it. A change
 * between their look and the kernel's store is left to a check.
 */
#pragma once

#ifdef BEFORE_5_17
enum { WORKERS = 1, FILES = 64, BUCKETS = 64, STEPS = 256 };
#else
enum { WORKERS = 2, FILES = 256, BUCKETS = 4096, STEPS = 65536 };
#endif

// worker is what a thread that walks remembers from call to call.
struct worker {
	// owner is the thread.
	__u64 owner;

	// Of files: the thread whose files these are, its process, and which is next.
	__u32 tid, pid;
	__u64 fd;

	// Of sockets: the table, the buckets from next to before end, the socket that
	// is next, and how many of its chain have been met, and had been before.
	__u64 table, node;
	__u32 next, end, met, before;

	// What the last socket had, which the next one probably has too.
	__u64 net, cgroup, cgroup_id, tcp;
	__u32 netns, ours;

	// sockets counts those of this call in the namespaces that are seeded.
	__u64 sockets;

	__u64 files[FILES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WORKERS);
	__type(key, __u32);
	__type(value, struct worker);
} workers SEC(".maps");

// step makes a function that can be repeated: it is given the worker and a number,
// and returns 1 to end the loop. The verifier looks at it once, wherever it is
// used, and not for every time it could run.
#ifdef BEFORE_5_17
#define step(name)                                                               \
	static __always_inline long name##_by(struct worker *w, __u32 i);        \
	__noinline int name(__u32 i)                                             \
	{                                                                        \
		__u32 first = 0;                                                 \
		struct worker *w = bpf_map_lookup_elem(&workers, &first);        \
                                                                                 \
		return w ? name##_by(w, i) : 1;                                  \
	}                                                                        \
	static __always_inline long name##_by(struct worker *w, __u32 i)

#define repeat(w, n, name)                                                       \
	for (__u32 i = 0; i < STEPS && i < (n); i++)                             \
		if (name(i))                                                     \
			break
#else
struct steps {
	struct worker *w;
};

#define step(name)                                                               \
	static __always_inline long name##_by(struct worker *w, __u32 i);        \
	static long name(__u32 i, void *steps)                                   \
	{                                                                        \
		return name##_by(((struct steps *)steps)->w, i);                 \
	}                                                                        \
	static __always_inline long name##_by(struct worker *w, __u32 i)

#define repeat(w, n, name) do {                                                  \
	struct steps steps = { w };                                              \
                                                                                 \
	bpf_loop((n), name, &steps, 0);                                          \
} while (0)
#endif

// The network namespaces to seed.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} spaces SEC(".maps");

// The tables of sockets that were met: the machine's, and those that namespaces
// have for themselves.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} tables SEC(".maps");

// Parts of processes' files that a worker has taken.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} taken SEC(".maps");

enum { PART = 8192 }; // files

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

// The ports of all listeners, a bit each: those on every address, on one, and
// those for which there was no memory, so that whoever has one counts as accepted.
struct ports {
	__u64 every, one, any;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / 64);
	__type(key, __u32);
	__type(value, struct ports);
} heard_ports SEC(".maps");

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

// sockets counts those that the seeded namespaces have, unseeded what did not fit.
volatile __u64 sockets, unseeded;

// A TCP socket of the probe, and how many rows there are, of which the last are
// spare: set when loaded.
const volatile __u32 own_fd = 0, all_rows = 0, main_rows = 0;

// What the probe's socket tells: what makes a file a socket, and the table.
volatile __u64 sock_ops, table;

// begun is the tick at which the programs began to follow.
volatile __u64 begun;

// How far the steps are.
volatile __u64 filled, heard, swept;

static __always_inline __u64 pointer_at(__u64 at)
{
	__u64 p = 0;

	bpf_probe_read_kernel(&p, sizeof(p), (void *)at);
	return p;
}

static __always_inline struct worker *worker_here(void)
{
	__u64 self = bpf_get_current_task();

	for (__u32 i = 0; i < WORKERS; i++) {
		__u32 at = i;
		struct worker *w = bpf_map_lookup_elem(&workers, &at);

		if (!w)
			break;
#ifdef BEFORE_5_17
		w->owner = self;
		return w;
#else
		if (w->owner == self || (!w->owner && !__sync_val_compare_and_swap(&w->owner, 0, self)))
			return w;
#endif
	}
	return NULL;
}

static __always_inline __u64 count_up(volatile __u64 *counter, __u64 n)
{
#ifdef BEFORE_5_17
	__u64 was = *counter;

	*counter = was + n; // there is one worker
	return was;
#else
	return __sync_fetch_and_add(counter, n);
#endif
}

// table_of returns the table of the sockets of a namespace: before Linux 6.1 there
// is one for all, which is found elsewhere.
static __always_inline __u64 table_of(__u64 net)
{
	if (!net || !bpf_core_field_exists(struct netns_ipv4, sysctl_tcp_child_ehash_entries))
		return 0;
	return (__u64)get(struct net, net, ipv4.tcp_death_row.hashinfo);
}

// ---- before all else -----------------------------------------------------

step(give_row)
{
	__u32 row;

	if (filled >= all_rows)
		return 1;
	// The first rows are to lie on top.
	row = all_rows - 1 - filled;
	if (row < main_rows)
		bpf_map_push_elem(&free_rows, &row, BPF_ANY);
	else
		bpf_map_push_elem(&spare_rows, &row, BPF_ANY);
	filled++;
	return 0;
}

// prepare tells the programs where the probe lives, and makes all rows free.
SEC("iter/task")
int prepare(struct bpf_iter__task *ctx)
{
	struct task_struct *self = (void *)bpf_get_current_task();
	struct worker *w = worker_here();
	__u64 file, socket, sk;

	if (!w || !ctx->task)
		return 0;
	if (!node_pidns) {
		struct pid *own = BPF_CORE_READ(self, group_leader, thread_pid);
		__u32 level = BPF_CORE_READ(own, level), ns = 0;

		pid_at(own, level, &ns);
		node_level = level;
		node_pidns = ns;
		file = pointer_at((__u64)BPF_CORE_READ(self, files, fdt, fd) + own_fd * sizeof(void *));
		sock_ops = (__u64)get(struct file, file, f_op);
		socket = (__u64)get(struct file, file, private_data);
		sk = (__u64)get(struct socket, socket, sk);
		table = table_of((__u64)get(struct sock_common, sk, skc_net.net));
		if (!table)
			table = (__u64)get(struct proto, get(struct sock_common, sk, skc_prot), h.hashinfo);
	}
	repeat(w, STEPS, give_row);
	if (filled < all_rows)
		return 1;
	begun = bpf_jiffies64();
	return 0;
}

// ---- listeners -------------------------------------------------------------

// in_scope reports whether a socket is of IP, and in a namespace that is seeded.
static __always_inline bool in_scope(struct worker *w, __u64 id)
{
	__u64 net = (__u64)get(struct sock_common, id, skc_net.net);
	__u16 family = get(struct sock_common, id, skc_family);

	if (family != AF_INET && family != AF_INET6)
		return false;
	if (net != w->net) {
		w->netns = get(struct net, net, ns.inum);
		w->ours = bpf_map_lookup_elem(&spaces, &w->netns) != NULL;
		w->net = net;
	}
	return w->ours;
}

static __always_inline void listens(struct worker *w, __u64 id)
{
	struct listener l = {};
	struct ports *ports;
	bool every = false;
	__u32 word;
	__u8 one = 1;
	long err;

	if (!in_scope(w, id))
		return;
	l.netns = w->netns;
	l.port = get(struct sock_common, id, skc_num);
	local_addr(l.addr, id);
	// A wildcard of either family.
	if (!l.addr[3] && !l.addr[0] && !l.addr[1]) {
		l.addr[2] = 0;
		every = true;
	}
	err = bpf_map_update_elem(&listeners, &l, &one, BPF_ANY);
	word = l.port / 64;
	ports = bpf_map_lookup_elem(&heard_ports, &word);
	if (!ports)
		return;
	// One worker does this.
	if (err)
		ports->any |= 1ULL << (l.port % 64);
	else if (every)
		ports->every |= 1ULL << (l.port % 64);
	else
		ports->one |= 1ULL << (l.port % 64);
}

static __always_inline bool accepted(struct worker *w, __u64 id)
{
	struct listener l = {};
	struct ports *ports;
	__u64 bit;
	__u32 word;

	l.port = get(struct sock_common, id, skc_num);
	word = l.port / 64;
	bit = 1ULL << (l.port % 64);
	ports = bpf_map_lookup_elem(&heard_ports, &word);
	if (!ports)
		return false;
	if (ports->any & bit)
		return true;
	l.netns = w->netns;
	if (ports->every & bit && bpf_map_lookup_elem(&listeners, &l))
		return true;
	if (!(ports->one & bit))
		return false;
	local_addr(l.addr, id);
	return bpf_map_lookup_elem(&listeners, &l) != NULL;
}

// chain_ends reports whether a chain has no socket more.
static __always_inline bool chain_ends(__u64 node)
{
	return !node || node & 1;
}

step(hear)
{
	__u64 id, at;

	if (!chain_ends(w->node)) {
		if (bpf_core_field_exists(struct inet_listen_hashbucket, nulls_head)) {
			id = w->node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
			w->node = (__u64)get(struct sock_common, id, skc_nulls_node.next);
		} else {
			id = w->node - bpf_core_field_offset(struct inet_connection_sock___before_5_19, icsk_listen_portaddr_node);
			w->node = (__u64)get(struct hlist_node, w->node, next);
		}
		listens(w, id);
		return 0;
	}
	if (w->next >= w->end)
		return 1;
	at = (__u64)get(struct inet_hashinfo, w->table, lhash2) + (__u64)w->next++ * bpf_core_type_size(struct inet_listen_hashbucket);
	if (bpf_core_field_exists(struct inet_listen_hashbucket, nulls_head))
		w->node = (__u64)get(struct inet_listen_hashbucket, at, nulls_head.first);
	else
		w->node = (__u64)pointer_at(at + bpf_core_field_offset(struct inet_listen_hashbucket___before_5_19, head.first));
	return 0;
}

// more claims the next buckets of a table of so many.
static __always_inline bool more(struct worker *w, volatile __u64 *cursor, __u64 size)
{
	__u64 at;

	if (w->next < w->end)
		return true;
	at = count_up(cursor, BUCKETS);
	if (at >= size)
		return false;
	w->next = at;
	w->end = at + BUCKETS < size ? at + BUCKETS : size;
	w->node = 0;
	w->met = w->before = 0;
	return true;
}

// unfinished goes back to the beginning of a chain that was left in the middle:
// between two calls nothing keeps its sockets there. One that is too long for a
// call is given up, which is a number.
static __always_inline void unfinished(struct worker *w, __u32 began)
{
	if (chain_ends(w->node))
		return;
	w->node = 0;
	if (w->next > began + 1) {
		w->next--;
		w->before = w->met;
		w->met = 0;
	} else {
		add(unseeded, 1);
	}
}

// listening notes who listens.
SEC("iter/task")
int listening(struct bpf_iter__task *ctx)
{
	struct worker *w = worker_here();
	__u32 began;

	if (!w || !ctx->task)
		return 0;
	w->table = table;
	if (!more(w, &heard, (__u64)get(struct inet_hashinfo, w->table, lhash2_mask) + 1))
		return 0;
	began = w->next;
	repeat(w, STEPS, hear);
	unfinished(w, began);
	return 1;
}

// ---- connections -------------------------------------------------------------

static __always_inline void found_waiting(struct worker *w, __u64 id)
{
	struct row_key key = {};
	struct wait wait = {};
	__u32 one = 1, *n;
	struct row *row;
	__s64 left, age;

	left = (__s64)(get(struct inet_timewait_sock, id, tw_timer.expires) - bpf_jiffies64());
	if (left < 0)
		left = 0;
	// Of one that is younger than the programs, they have seen the end.
	age = 60 * (__s64)hz - left;
	if (age < (__s64)(bpf_jiffies64() - begun))
		return;
	wait.seconds = (__u64)left / hz;
	if (wait.seconds > 3600)
		wait.seconds = 3600;
	key.netns = w->netns;
	key.port = get(struct sock_common, id, skc_dport);
	remote_addr(key.addr, id);
	row = row_of(&key, false, &wait.row);
	if (!row)
		return;
	// It lived and died before the count began; its port is held all the same.
	add(row->closes, 1);
	n = bpf_map_lookup_elem(&waits, &wait);
	if (!n) {
		if (!bpf_map_update_elem(&waits, &wait, &one, BPF_NOEXIST))
			return;
		n = bpf_map_lookup_elem(&waits, &wait); // another worker was faster
	}
	if (n)
		add(*n, 1);
	else
		add(unseeded, 1);
}

// cgroup_at is cgroup_of for a socket that is only an address.
static __always_inline __u64 cgroup_at(struct worker *w, __u64 id)
{
	__u64 cgroup;

	if (bpf_core_field_exists(struct sock_cgroup_data, cgroup)) {
		cgroup = (__u64)get(struct sock, id, sk_cgrp_data.cgroup);
	} else {
		cgroup = pointer_at(id + bpf_core_field_offset(struct sock, sk_cgrp_data));
		if (cgroup & 1)
			return 0;
	}
	if (cgroup != w->cgroup) {
		w->cgroup_id = cgroup ? get(struct kernfs_node, get(struct cgroup, cgroup, kn), id) : 0;
		w->cgroup = cgroup;
	}
	return w->cgroup_id;
}

// found enters a connection that was in a state.
static __always_inline void found(struct worker *w, __u64 id, __u32 state, __u32 pid)
{
	struct row_key key = {};
	struct conn conn = {}, *entered;
	__u32 phase = phase_of(state);
	struct row *row;

	key.pid = pid;
	key.netns = w->netns;
	key.cgroup = cgroup_at(w, id);
	key.port = get(struct sock_common, id, skc_dport);
	remote_addr(key.addr, id);
	row = row_of(&key, false, &conn.row);
	if (!row)
		return;
	conn.phase = phase;
	gauge(row, phase, 1);
	switch (enter(id, &conn)) {
	case ENTERED:
		break;
	case NO_ROOM:
		add(unseeded, 1);
	case KNOWN:
		gauge(row, phase, -1);
	case GIVEN_UP:
		return;
	}
	if (phase == OPEN)
		silent(row, id);
	if (get(struct sock_common, id, skc_state) == state && get(struct sock_common, id, skc_dport) == key.port)
		return;
	// It changed while it was entered: the next check knows what it is.
	entered = conn_of(id);
	if (entered && entered->phase == phase)
		entered->doubt = phase;
}

// tcp reports whether a socket is one of TCP.
static __always_inline bool tcp(struct worker *w, __u64 id)
{
	__u64 prot = (__u64)get(struct sock_common, id, skc_prot);

	if (prot == w->tcp)
		return true;
	if (get(struct sock, id, sk_protocol) != IPPROTO_TCP)
		return false;
	w->tcp = prot;
	return true;
}

// outbound reports whether a socket in a state is a connection that began here. A
// request that waits for its handshake is the other side's.
static __always_inline bool outbound(struct worker *w, __u64 id, __u32 state)
{
	return phase_of(state) != NONE && state != TCP_SYN_RECV && !accepted(w, id);
}

// The files of a part are not followed one by one: nearly every step of the way
// is memory that no processor has at hand, and it waits for several at a time
// when they have nothing to do with each other.
step(file_to_socket)
{
	__u64 file;

	file = w->files[i % FILES];
	if (file)
		w->files[i % FILES] = (__u64)get(struct file, file, f_op) == sock_ops ? (__u64)get(struct file, file, private_data) : 0;
	return 0;
}

step(socket_to_sock)
{
	__u64 socket;

	socket = w->files[i % FILES];
	if (socket)
		w->files[i % FILES] = (__u64)get(struct socket, socket, sk);
	return 0;
}


step(see)
{
	__u32 state;
	__u64 id;

	id = w->files[i % FILES];
	if (!id || !in_scope(w, id) || !tcp(w, id))
		return 0;
	state = get(struct sock_common, id, skc_state);
	if (outbound(w, id, state))
		found(w, id, state, w->pid);
	return 0;
}

// met_net notes the table of a namespace, if that is its own.
static __always_inline void met_net(struct task_struct *task)
{
	__u64 own = table_of((__u64)BPF_CORE_READ(task, nsproxy, net_ns));
	__u8 one = 1;

	if (own && own != table)
		bpf_map_update_elem(&tables, &own, &one, BPF_ANY);
}

// holding looks through the open files of a process, or of a thread that has its
// own, and enters their connections.
SEC("iter/task")
int holding(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct worker *w = worker_here();
	__u64 files, part, size;
	__u32 max, n;
	__u8 one = 1;
	int err; // whose upper half a kernel before 6.4 leaves empty (d7ba4cc900bf)

	if (!task || !w)
		return 0;
	files = (__u64)task->files;
	if (!files || (task->pid != task->tgid && files == (__u64)BPF_CORE_READ(task, group_leader, files)))
		return 0;
	if (w->tid != task->pid) {
		w->tid = task->pid;
		w->fd = 0;
		w->pid = node_level ? task_pid(task) : task->tgid;
		met_net(task);
	}
	max = BPF_CORE_READ(task, files, fdt, max_fds);
	if (!w->pid || w->fd >= max)
		return 0;
	if (WORKERS > 1 && w->fd % PART == 0) {
		part = (__u64)w->tid << 32 | w->fd / PART;
		err = bpf_map_update_elem(&taken, &part, &one, BPF_NOEXIST);
		if (err == -EEXIST) {
			w->fd += PART;
			return w->fd < max;
		}
	}
	n = max - w->fd < FILES ? max - w->fd : FILES;
	files = (__u64)BPF_CORE_READ(task, files, fdt, fd) + w->fd * sizeof(__u64);
	size = n * sizeof(__u64);
	asm volatile("" : "+r"(size)); // the verifier has to see the bound of what is used
	if (size > sizeof(w->files))
		size = sizeof(w->files);
	if (!bpf_probe_read_kernel(w->files, size, (void *)files)) {
		repeat(w, n, file_to_socket);
		repeat(w, n, socket_to_sock);
		repeat(w, n, see);
	}
	w->fd += FILES;
	return w->fd < max;
}

step(look)
{
	__u64 id, at, end = w->node;
	__u32 state;

	if (chain_ends(end)) {
		// A socket that was moved while it was looked at leads into another chain.
		// What it should have led to is looked for once more.
		if (end && w->met && !w->before && end >> 1 != w->next - 1) {
			w->before = w->met;
			w->next--;
		} else {
			w->before = 0;
			if (w->next >= w->end)
				return 1;
		}
		w->met = 0;
		at = (__u64)get(struct inet_hashinfo, w->table, ehash) + (__u64)w->next++ * bpf_core_type_size(struct inet_ehash_bucket);
		w->node = (__u64)get(struct inet_ehash_bucket, at, chain.first);
		return 0;
	}
	id = end - bpf_core_field_offset(struct sock_common, skc_nulls_node);
	w->node = (__u64)get(struct sock_common, id, skc_nulls_node.next);
	w->met++;
	if (!in_scope(w, id))
		return 0;
	if (w->met > w->before)
		w->sockets++;
	state = get(struct sock_common, id, skc_state);
	if (state == TCP_TIME_WAIT) {
		if (w->met > w->before && !accepted(w, id))
			found_waiting(w, id);
		return 0;
	}
	if (outbound(w, id, state) && !conn_of(id))
		found(w, id, state, 0);
	return 0;
}

// rest finds what no process holds, in one of the tables of all sockets.
SEC("iter/task")
int rest(struct bpf_iter__task *ctx)
{
	struct worker *w = worker_here();
	__u32 began;

	if (!w || !ctx->task)
		return 0;
	w->table = table;
	if (!more(w, &swept, (__u64)get(struct inet_hashinfo, w->table, ehash_mask) + 1))
		return 0;
	began = w->next;
	w->sockets = 0;
	repeat(w, STEPS, look);
	add(sockets, w->sockets);
	unfinished(w, began);
	return 1;
}

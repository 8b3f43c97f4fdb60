/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * Who talks: processes, cgroups, addresses.
 */
#pragma once

#ifndef BEFORE_5_17
// Since Linux 6.2 a program may take an address for a pointer and read through it
// as through those that it is given, which costs no call of a function.
extern void *bpf_rdonly_cast(const void *obj, __u32 type) __ksym __weak;
#define can_cast() (!!bpf_rdonly_cast)
#else
#define can_cast() false
#define bpf_rdonly_cast(obj, type) (obj)
#endif

// get reads a field of what lies at an address, 0 when nothing does.
#define get(type, at, field) ({                                                  \
	void *at_ = (void *)(at);                                                \
	typeof(((type *)0)->field) value_ = 0;                                   \
	if (can_cast())                                                          \
		value_ = ((type *)bpf_rdonly_cast(at_, bpf_core_type_id_kernel(type)))->field; \
	else                                                                     \
		bpf_core_read(&value_, sizeof(value_), &((type *)at_)->field);   \
	value_; })

// The PID namespace of the node, and its depth: those of the probe, which tells
// them before anything is counted (prepare).
volatile __u32 node_pidns, node_level;

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

// The same for a socket that is only an address.
#define copy_v6(to, id, field) do {                                              \
	(to)[0] = get(struct sock_common, id, field.in6_u.u6_addr32[0]);         \
	(to)[1] = get(struct sock_common, id, field.in6_u.u6_addr32[1]);         \
	(to)[2] = get(struct sock_common, id, field.in6_u.u6_addr32[2]);         \
	(to)[3] = get(struct sock_common, id, field.in6_u.u6_addr32[3]);         \
} while (0)

static __always_inline void local_addr(__be32 to[4], __u64 id)
{
	if (get(struct sock_common, id, skc_family) == AF_INET) {
		to[0] = to[1] = 0;
		to[2] = bpf_htonl(0xffff);
		to[3] = get(struct sock_common, id, skc_rcv_saddr);
	} else {
		copy_v6(to, id, skc_v6_rcv_saddr);
	}
}

static __always_inline void remote_addr(__be32 to[4], __u64 id)
{
	if (get(struct sock_common, id, skc_family) == AF_INET) {
		to[0] = to[1] = 0;
		to[2] = bpf_htonl(0xffff);
		to[3] = get(struct sock_common, id, skc_daddr);
	} else {
		copy_v6(to, id, skc_v6_daddr);
	}
}

// is_peer reports whether the socket at an address talks to the destination of a
// key.
static __always_inline bool is_peer(__u64 id, struct row_key *key)
{
	__be32 addr[4] = {};

	if (get(struct sock_common, id, skc_dport) != key->port)
		return false;
	remote_addr(addr, id);
	return addr[0] == key->addr[0] && addr[1] == key->addr[1] && addr[2] == key->addr[2] && addr[3] == key->addr[3];
}

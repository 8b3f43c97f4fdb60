/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
 *
 * The kernel's types, as far as the programs read them. Only names matter:
 * where a field lies in the running kernel is found out when the programs are
 * loaded (CO-RE, from the kernel's own BTF). Names and meanings are those of
 * Linux 5.8 to 6.18.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false, true };
#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

/* include/uapi/asm-generic/errno.h */
enum { EEXIST = 17, EPIPE = 32, ECONNABORTED = 103, ECONNRESET = 104, ETIMEDOUT = 110, ECONNREFUSED = 111 };

/* include/linux/socket.h, include/uapi/linux/in.h */
enum { AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6 };

/* include/net/sock.h */
enum sock_flags { SOCK_DEAD, SOCK_DONE };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

/* A chain ends with an odd value, which says whose chain it is. */
struct hlist_nulls_node {
	struct hlist_nulls_node *next;
};

struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* The tables of all TCP sockets of the machine. */
struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};

struct inet_listen_hashbucket {
	struct hlist_nulls_head nulls_head; /* since Linux 5.19 (cae3873c5b3a) */
};

struct inet_listen_hashbucket___before_5_19 {
	struct hlist_head head;
};

struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	unsigned int lhash2_mask;
	struct inet_listen_hashbucket *lhash2;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	/* Since Linux 6.1 a namespace may have a table of its own (d1e5e6408b30). */
	unsigned int sysctl_tcp_child_ehash_entries;
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

struct proto {
	union {
		struct inet_hashinfo *hashinfo;
	} h;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	unsigned char skc_state;
	struct proto *skc_prot;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct hlist_nulls_node skc_nulls_node;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

/* Since Linux 5.15 (8520e224f547). */
struct sock_cgroup_data {
	struct cgroup *cgroup;
};

/* Before: a pointer, or with the lowest bit set what net_cls and net_prio keep. */
struct sock_cgroup_data___before_5_15 {
	__u64 val;
};

struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
	int sk_err;
	__u16 sk_type;
	__u16 sk_protocol;
};

/* Both have a struct sock at their beginning, for ever. */
struct inet_connection_sock {
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};

struct inet_connection_sock___before_5_19 {
	struct hlist_node icsk_listen_portaddr_node;
};

struct tcp_sock {
	__u32 segs_out;
	__u64 bytes_acked;
	__u64 tcp_mstamp;
	__u32 lsndtime;
	__u32 rcv_tstamp;
	__u32 last_oow_ack_time;
};

struct timer_list {
	unsigned long expires;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	struct timer_list tw_timer;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct socket {
	struct sock *sk;
};

struct file_operations;

struct file {
	const struct file_operations *f_op;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct nsproxy {
	struct net *net_ns;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct task_struct {
	int pid;
	int tgid;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	char comm[16];
};

struct seq_file;
struct sk_buff;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_map;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

// Package bpf counts connections in the kernel: small programs on tracepoints
// add up what happens, by holder and destination, and user space reads the sums
// at its own pace. A reader that comes late, or a burst of connections, loses
// nothing; what does not fit is a number.
//
// It needs Linux 5.8 with BTF (CONFIG_DEBUG_INFO_BTF), and CAP_BPF with
// CAP_PERFMON or CAP_SYS_ADMIN. It uses raw tracepoints with BTF types and
// iterators, no kprobe and no fentry. Nothing is pinned: the programs are gone
// when their last file descriptor is closed, at the latest with the process.
//
// The programs come twice: for kernels in which they can loop and claim places in
// a table (5.17), and for those before. On 5.8 there are no checks (Check).
//
// The programs are in c/; "go generate" compiles them with clang 14, and the
// result is committed, so that neither a build nor a node needs a compiler.
package bpf

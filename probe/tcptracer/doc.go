// Package tcptracer runs the node's own tcptracer of the BPF Compiler
// Collection (iovisor/bcc, tools/tcptracer.py) and counts what it prints: the
// instrument that operators use by hand as `tcptracer -t4v`.
//
// It is the collector of last resort among those that count events. The tool
// hands every event through a perf buffer to a Python program, so a busy node
// loses some: it says how many, and count.Reading.Lost repeats it.
//
// What the tool sees, read from its source from 2017 (bcc 0.4) to 2026 (0.37):
//
//   - A connect is told when its handshake is complete, an accept when the
//     program takes the connection, a close when the program closes it. Between
//     its connect and its close a connection counts as Established here,
//     whatever the peer may have done meanwhile.
//   - A close tells no direction, and not whether there had been a handshake:
//     the close of a non-blocking connect that was refused looks like any other.
//   - A program that connects an IPv6 socket to an IPv4 destination (as Java and
//     .NET do by default) is seen only with -6. With -4 the tool passes over it,
//     and with neither it tells the close alone, and keeps an entry of its map
//     of 10,240 for each: once that is full it is deaf to IPv4. So two tools
//     run, one with -4 and one with -6, where the tool has these options (0.22
//     and later) and the node has IPv6.
//   - PIDs are those of the initial PID namespace: the node's own. They are the
//     probe's as well when it runs on the node or in a pod with hostPID.
package tcptracer

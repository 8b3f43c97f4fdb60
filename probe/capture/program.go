package capture

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
)

// Scratch memory of a program.
const (
	memNext = 0 // the number of the next header
	memSize = 1 // the size of the one before it
)

// Program writes a filter as classic BPF, which the kernel runs on each packet:
// it returns snaplen for those that Match wants, and 0 for others.
func (f Filter) Program(link Link, snaplen uint32) ([]bpf.Instruction, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if f.empty() && link == Ethernet {
		return []bpf.Instruction{bpf.RetConstant{Val: snaplen}}, nil
	}
	a := newAssembler()
	p := program{assembler: a, f: f, accept: a.label(), reject: a.label()}
	p.start(link)
	a.mark(p.reject)
	a.emit(bpf.RetConstant{Val: 0})
	a.mark(p.accept)
	a.emit(bpf.RetConstant{Val: snaplen})
	return a.resolve()
}

// program writes one filter. X is where the current header begins.
type program struct {
	*assembler
	f              Filter
	accept, reject label
}

// start finds the network header and goes on by its kind.
func (p *program) start(link Link) {
	ipv4, ipv6, arp := p.label(), p.label(), p.label()
	if link == RawIP {
		p.emit(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
		p.load(0, 1)
		p.emit(bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
		p.when(bpf.JumpEqual, 4, ipv4)
		p.unless(6, p.reject)
		p.jump(ipv6)
	} else {
		p.tags()
		p.when(bpf.JumpEqual, etherIPv4, ipv4)
		p.when(bpf.JumpEqual, etherIPv6, ipv6)
		p.unless(etherARP, p.reject)
		p.jump(arp)
	}
	p.mark(ipv4)
	p.ipv4()
	p.mark(ipv6)
	p.ipv6()
	p.mark(arp)
	p.arp()
}

// tags leaves the network header's place in X and its kind in the accumulator.
// The kernel takes the outermost tag off before it asks the filter; what is
// left are the tags within.
func (p *program) tags() {
	p.emit(bpf.LoadConstant{Dst: bpf.RegX, Val: ethernetHeader}, bpf.LoadAbsolute{Off: ethernetHeader - 2, Size: 2})
	done := p.label()
	for range maxTags {
		tag := p.label()
		p.when(bpf.JumpEqual, etherVLAN, tag)
		p.unless(etherQinQ, done)
		p.mark(tag)
		p.load(2, 2)
		p.emit(bpf.StoreScratch{Src: bpf.RegA, N: memNext})
		p.advanceBy(tagSize)
		p.emit(bpf.LoadScratch{Dst: bpf.RegA, N: memNext})
	}
	p.mark(done)
}

func (p *program) arp() {
	if p.f.Proto != "" || len(p.f.Ports) > 0 {
		p.jump(p.reject)
		return
	}
	p.load(27, 1) // all of it is there
	p.load(2, 2)
	p.unless(etherIPv4, p.reject)
	p.load(4, 2)
	p.unless(6<<8|4, p.reject)
	p.hosts(netip.Addr.Is4, 14, 24)
	p.jump(p.accept)
}

func (p *program) ipv4() {
	p.load(19, 1)
	p.hosts(netip.Addr.Is4, 12, 16)
	p.load(9, 1)
	p.protocol(ipICMP)
	p.load(6, 2)
	p.when(bpf.JumpBitsSet, 0x1fff, p.accept) // a later piece: it has no ports
	p.load(0, 1)
	p.emit(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2})
	p.advance()
	p.ports()
}

func (p *program) ipv6() {
	p.load(ipv6Header-1, 1)
	p.hosts(netip.Addr.Is6, 8, 24)
	if p.f.Proto == "" && len(p.f.Ports) == 0 {
		p.jump(p.accept)
		return
	}
	p.load(6, 1)
	p.emit(bpf.StoreScratch{Src: bpf.RegA, N: memNext})
	p.advanceBy(ipv6Header)
	transport, piece := p.label(), p.label()
	for range maxExtensions {
		p.extension(transport, piece)
	}
	p.mark(transport)
	p.emit(bpf.LoadScratch{Dst: bpf.RegA, N: memNext})
	p.protocol(ipICMPv6)
	p.ports()
	p.mark(piece)
	p.emit(bpf.LoadScratch{Dst: bpf.RegA, N: memNext})
	p.protocol(ipICMPv6)
	p.jump(p.accept)
}

// extension steps over one extension header; what is none leads to transport,
// a fragment that is not the first to piece.
func (p *program) extension(transport, piece label) {
	options, fragment, auth, step := p.label(), p.label(), p.label(), p.label()
	p.emit(bpf.LoadScratch{Dst: bpf.RegA, N: memNext})
	for _, kind := range []uint32{ipHopByHop, ipRouting, ipDestOpts} {
		p.when(bpf.JumpEqual, kind, options)
	}
	p.when(bpf.JumpEqual, ipFragment, fragment)
	p.unless(ipAuth, transport)
	p.jump(auth)

	p.mark(options)
	p.load(7, 1) // all of its fixed part is there
	p.load(1, 1)
	p.emit(bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 3})
	p.jump(step)

	p.mark(auth)
	p.load(7, 1)
	p.load(1, 1)
	p.emit(bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 2}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2})
	p.jump(step)

	p.mark(fragment)
	p.load(7, 1)
	p.load(0, 1)
	p.emit(bpf.StoreScratch{Src: bpf.RegA, N: memNext})
	p.load(2, 2)
	p.when(bpf.JumpBitsSet, 0xfff8, piece)
	p.emit(bpf.LoadConstant{Dst: bpf.RegA, Val: 8})

	p.mark(step)
	p.emit(bpf.StoreScratch{Src: bpf.RegA, N: memSize})
	p.load(0, 1)
	p.emit(bpf.StoreScratch{Src: bpf.RegA, N: memNext}, bpf.LoadScratch{Dst: bpf.RegA, N: memSize})
	p.advance()
}

// protocol goes on when the protocol in the accumulator is wanted and has
// ports to look at; where none are asked for it accepts.
func (p *program) protocol(icmp uint32) {
	switch p.f.Proto {
	case TCP:
		p.unless(ipTCP, p.reject)
	case UDP:
		p.unless(ipUDP, p.reject)
	case SCTP:
		p.unless(ipSCTP, p.reject)
	case ICMP:
		p.unless(icmp, p.reject)
	case "":
		if len(p.f.Ports) > 0 {
			has := p.label()
			p.when(bpf.JumpEqual, ipTCP, has)
			p.when(bpf.JumpEqual, ipUDP, has)
			p.unless(ipSCTP, p.reject)
			p.mark(has)
		}
	}
	if len(p.f.Ports) == 0 {
		p.jump(p.accept)
	}
}

// ports looks at the ports, with which all transports begin, and decides.
func (p *program) ports() {
	for _, off := range []uint32{2, 0} { // the last first: both are there then
		p.load(off, 2)
		for _, port := range p.f.Ports {
			p.when(bpf.JumpEqual, uint32(port), p.accept)
		}
	}
	p.jump(p.reject)
}

// hosts goes on when one of the addresses at src and dst is in Hosts, and one
// in Own, where they are set.
func (p *program) hosts(family func(netip.Addr) bool, src, dst uint32) {
	own := make([]netip.Prefix, 0, len(p.f.Own))
	for _, a := range p.f.Own {
		own = append(own, netip.PrefixFrom(a, a.BitLen()))
	}
	for _, group := range [][]netip.Prefix{p.f.Hosts, own} {
		if len(group) == 0 {
			continue
		}
		found := p.label()
		for _, prefix := range group {
			if family(prefix.Addr()) {
				p.address(prefix, src, found)
				p.address(prefix, dst, found)
			}
		}
		p.jump(p.reject)
		p.mark(found)
	}
}

// address jumps to found when the address at off is in a range.
func (p *program) address(prefix netip.Prefix, off uint32, found label) {
	next := p.label()
	addr, bits := prefix.Masked().Addr().AsSlice(), prefix.Bits()
	for i := 0; i < len(addr) && bits > 0; i += 4 {
		p.load(off+uint32(i), 4)
		if bits < 32 {
			p.emit(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: ^uint32(0) << (32 - bits)})
		}
		p.unless(binary.BigEndian.Uint32(addr[i:]), next)
		bits -= 32
	}
	p.jump(found)
	p.mark(next)
}

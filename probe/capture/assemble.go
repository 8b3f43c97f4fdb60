package capture

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// label is a place in a program that jumps lead to.
type label int

// assembler writes classic BPF with labels. A conditional jump of classic BPF
// spans 255 instructions at most, which a list of addresses exceeds: each one
// steps over an unconditional jump, which reaches everywhere.
type assembler struct {
	code []bpf.Instruction
	// jumps are the indices of the unconditional jumps, with their labels.
	jumps map[int]label
	marks []int
}

func newAssembler() *assembler { return &assembler{jumps: map[int]label{}} }

// label makes a place that mark puts somewhere, once.
func (a *assembler) label() label {
	a.marks = append(a.marks, -1)
	return label(len(a.marks) - 1)
}

func (a *assembler) mark(l label) { a.marks[l] = len(a.code) }

func (a *assembler) emit(code ...bpf.Instruction) { a.code = append(a.code, code...) }

func (a *assembler) jump(to label) {
	a.jumps[len(a.code)] = to
	a.emit(bpf.Jump{})
}

// when jumps when the accumulator satisfies a test.
func (a *assembler) when(test bpf.JumpTest, value uint32, to label) {
	a.emit(bpf.JumpIf{Cond: test, Val: value, SkipFalse: 1})
	a.jump(to)
}

// unless jumps when the accumulator is another value.
func (a *assembler) unless(value uint32, to label) {
	a.emit(bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipTrue: 1})
	a.jump(to)
}

// load reads size bytes, at an offset from X, into the accumulator. Where the
// packet is shorter, the program ends and the packet is not wanted.
func (a *assembler) load(off uint32, size int) { a.emit(bpf.LoadIndirect{Off: off, Size: size}) }

// advance adds the accumulator to X.
func (a *assembler) advance() { a.emit(bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}) }

// advanceBy adds a constant to X.
func (a *assembler) advanceBy(n uint32) {
	a.emit(bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: n}, bpf.TAX{})
}

// resolve points the jumps to their labels and returns the program.
func (a *assembler) resolve() ([]bpf.Instruction, error) {
	for at, to := range a.jumps {
		skip := a.marks[to] - at - 1
		if skip < 0 {
			return nil, fmt.Errorf("instruction %d jumps backwards", at)
		}
		a.code[at] = bpf.Jump{Skip: uint32(skip)} //nolint:gosec // not negative
	}
	const most = 4096 // BPF_MAXINSNS
	if len(a.code) > most {
		return nil, fmt.Errorf("%d instructions, the kernel takes %d: name fewer hosts, or a range", len(a.code), most)
	}
	return a.code, nil
}

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
)

// fakeKernel answers inet_diag as the kernel does, from sockets that a test
// puts in its table.
type fakeKernel struct {
	table []Socket
	// refuses says what it does not know.
	refuses func(q diagQuestion) unix.Errno
	// failAt makes the answer end with an error before that socket, counted from
	// 1 through all answers.
	failAt, told int
	// asked are the questions that it answered.
	asked []diagQuestion
}

var errFake = errors.New("the fake kernel fails")

// diagQuestion is what a request asks for.
type diagQuestion struct {
	kind   uint16
	family uint8
	states uint32
	filter []byte
	// silence is whether it asks for INET_DIAG_INFO.
	silence bool
}

func parseDiagQuestion(b []byte) (diagQuestion, error) {
	q := diagQuestion{kind: binary.NativeEndian.Uint16(b[4:])}
	size, at := inetDiagReqV2Size, 4
	if q.kind == tcpDiagGetSock {
		size, at = inetDiagReqSize, 52
	}
	payload := b[netlink.HeaderSize:]
	if len(payload) < size || int(binary.NativeEndian.Uint32(b)) != len(b) {
		return q, netlink.ErrShort
	}
	q.family, q.states = payload[0], binary.NativeEndian.Uint32(payload[at:])
	q.silence = payload[2] == 1<<(inetDiagInfo-1)
	if q.kind == tcpDiagGetSock {
		q.silence = payload[3] == 1<<(inetDiagInfo-1)
	}
	return q, netlink.Attrs(payload[size:], func(kind uint16, v []byte) {
		if kind == inetDiagReqBytecode {
			q.filter = append([]byte{}, v...)
		}
	})
}

func (k *fakeKernel) ask(request, _ []byte, fn func(kind uint16, payload []byte) error) error {
	q, err := parseDiagQuestion(request)
	if err != nil {
		return err
	}
	if k.refuses != nil {
		if no := k.refuses(q); no != 0 {
			return fmt.Errorf("netlink answers: %w", no)
		}
	}
	if q.filter != nil && !bcAudit(q.filter) {
		return fmt.Errorf("netlink answers: %w", unix.EINVAL)
	}
	k.asked = append(k.asked, q)
	for _, s := range k.table {
		family := uint8(familyINET)
		if s.Local.Addr().Is6() {
			family = familyINET6
		}
		if q.kind == sockDiagByFamily && q.family != family || q.states>>s.State&1 == 0 {
			continue
		}
		if told, _ := bcTells(q.filter, s.Local.Port()); !told {
			continue
		}
		if k.told++; k.told == k.failAt {
			return errFake
		}
		message := diagMessage(family, s)
		if ms := uint32(s.Silence.idle.Milliseconds()); q.silence {
			message = diagInfo(message, 232, ms, ms, ms, s.Silence.segments, 0)
		}
		if err := fn(q.kind, message); err != nil {
			return err
		}
	}
	return nil
}

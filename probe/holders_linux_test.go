package probe

import (
	"fmt"
	"testing"
)

func FuzzSocketInode(f *testing.F) {
	for _, s := range []string{"socket:[12345]", "socket:[]", "socket:[-1]", "pipe:[7]", "socket:[99999999999999999999]", "/dev/null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if n, ok := socketInode(in); ok && len(in) == len(fmt.Sprintf("socket:[%d]", n)) && string(in) != fmt.Sprintf("socket:[%d]", n) {
			t.Errorf("%q is %d", in, n)
		}
	})
}

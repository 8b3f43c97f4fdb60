package result

import "testing"

func TestMetrics(t *testing.T) {
	t.Parallel()
	m, ok := Metrics("BenchmarkSeek-2   \t       1\t8053060401 ns/op\t        61.00 chunks\t       131.2 ms/worst-seek", "Seek")
	if !ok || m["ms/worst-seek"] != 131.2 || m["chunks"] != 61 || len(m) != 3 {
		t.Errorf("%v (%v)", m, ok)
	}
	for _, line := range []string{"", "PASS", "BenchmarkSeeker-2 1 5 ns/op", "BenchmarkSeek-2 1 many ns/op", "ok  \tgithub.com/snattop/snattop/internal/session/recording\t9.1s"} {
		if m, ok := Metrics(line, "Seek"); ok {
			t.Errorf("%q: %v", line, m)
		}
	}
}

package app

import "testing"

// TestCrowdedProof compares a crowd beside the keys: they are answered while that
// lasts, the answer comes to whichever page is seen then, and no other is begun
// for a page that is not.
func TestCrowdedProof(t *testing.T) {
	t.Parallel()
	m, _, _ := crowd(t, 150, 40)
	press(m, "b")
	_, cmd := m.Update(keyMsg("5"))
	if cmd = alone(cmd); cmd == nil {
		t.Fatal("there is nothing to do beside the keys")
	}
	wants(t, m, "❺", "comparing …", "Comparing now with the baseline of")
	lacks(t, m, "SUBJECT")
	press(m, "?")
	wants(t, m, "Everywhere")
	press(m, "esc", "1")
	wants(t, m, "❶")
	m.Update(cmd())
	press(m, "5")
	wants(t, m, "SUBJECT", "ANSWER")
	lacks(t, m, "omparing")

	// With another baseline there is nothing to do until the page is seen.
	press(m, "1", "b", "j")
	if m.proof.Work() == nil {
		t.Error("a page that is not seen compares")
	}
}

// What takes long is marked as such at the end of the first line.
func TestComparingIsMarked(t *testing.T) {
	t.Parallel()
	m, _, _ := crowd(t, 150, 40)
	press(m, "b", "5")
	found := false
	for _, j := range m.jobs() {
		found = found || j.Name == "comparing"
	}
	if !found {
		t.Errorf("%v", m.jobs())
	}
	press(m, "1")
	for _, j := range m.jobs() {
		if j.Name == "comparing" {
			t.Error("nobody sees the page")
		}
	}
}

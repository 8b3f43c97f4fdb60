package app

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/tuitest"
)

func TestSplitShowsWhatIsBelowTheRow(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	wants(t, m, "pods of "+tuitest.SickNode, "▏shop/"+tuitest.SickPod, "FULL IN", "TRYING", "VERDICT")
	press(m, "j")
	wants(t, m, "pods of aks-np1-vmss000007", "▏shop/mailer")
	press(m, "k", "enter")
	wants(t, m, "❷ Pod", "connections of shop/"+tuitest.SickPod, "20.60.1.9:443")
	press(m, "j", "j")
	wants(t, m, "connections of batch/report-28899-zz9pl")
	if got := v.Focus(); len(got) != 0 {
		t.Errorf("a pane asks nodes for detail: %q", got)
	}
	m.Update(tea.WindowSizeMsg{Width: 119, Height: 40})
	lacks(t, m, "connections of batch")
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 24})
	lacks(t, m, "connections of batch")
	m.Update(tea.WindowSizeMsg{Width: 180, Height: 24})
	wants(t, m, "│", "DESTINATION")
}

func TestTabGivesThePaneTheKeys(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "tab")
	wants(t, m, "▏aks-np1-vmss000003", "▌shop/"+tuitest.SickPod, tuitest.SickPod+" holds about 993 ports")
	press(m, "j", "j", "x")
	wants(t, m, "How do you know? batch/report-28899-zz9pl")
	press(m, "esc", "d")
	wants(t, m, "❹ Cause", "› batch/report-28899-zz9pl › cause")
	press(m, "esc")
	wants(t, m, "❶ Node", "▏batch/report-28899-zz9pl")
	press(m, "tab", "enter")
	wants(t, m, "❸ Connections", tuitest.SickNode+" › batch/report-28899-zz9pl")
	press(m, "esc")
	wants(t, m, "❶ Node", "prod-weu › nodes")

	press(m, "g", "enter", "g", "tab", "j", "enter") // a destination of the worst pod
	wants(t, m, "❸ Connections", "▌10.2.0.1:443 tcp")
	press(m, "esc")
	wants(t, m, "❷ Pod")
	press(m, "tab", "/")
	typeText(m, "postgres")
	press(m, "enter")
	wants(t, m, "/postgres · 1 of 6", "host: kubelet.service")
	press(m, "esc", "esc")
	wants(t, m, "❷ Pod", "▌shop/"+tuitest.SickPod)
	press(m, "esc")
	wants(t, m, "❶ Node")
}

func TestSplitIsSwitchedOff(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "v")
	lacks(t, m, "pods of "+tuitest.SickNode)
	press(m, "v")
	wants(t, m, "pods of "+tuitest.SickNode)
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 40})
	press(m, "v", "v")
	wants(t, m, "A second pane needs 120 columns")
}

func TestTheMouseInThePane(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{120, 40}, {200, 60}} {
		m, _ := start(tuitest.Sick(), size[0], size[1])
		clickOn(t, m, "batch/report-28899-zz9pl")
		wants(t, m, "▌batch/report-28899-zz9pl", "▏aks-np1-vmss000003")
		clickOn(t, m, "batch/report-28899-zz9pl")
		wants(t, m, "❸ Connections", "› batch/report-28899-zz9pl")
		press(m, "esc")
		clickOn(t, m, "aks-np1-vmss000009")
		wants(t, m, "▌aks-np1-vmss000009")
		m.Update(tea.MouseWheelMsg{X: size[0] - 10, Y: size[1] - 6, Button: tea.MouseWheelDown})
		wants(t, m, "▌aks-np1-vmss000009")
	}
}

package demo

import "time"

// How the demo begins: half a minute before node1 has used up its ports.
const (
	Start = time.Minute + 22*time.Second
	Speed = 4
)

// The moments of the recording, from its beginning.
const (
	full   = time.Minute + 58*time.Second
	pause  = 3*time.Minute + 10*time.Second
	raised = 3*time.Minute + 37*time.Second
	mended = 3*time.Minute + 54*time.Second
	freed  = 7*time.Minute + 54*time.Second
)

// Stops returns where the demo pauses by itself: before anything is mended.
func Stops() []time.Duration { return []time.Duration{pause} }

// Note is what is said beside the pages: on one of them ("nodes", "pods",
// "connections", "cause", "proof"), or on all where Page is empty, from a moment
// of the recording until another; Until 0 is the end.
type Note struct {
	From, Until time.Duration
	Page        string
	Text        string
}

// Notes returns what is said, the first that fits counts. Each fits two lines
// of a terminal of 80 columns.
func Notes() []Note {
	return []Note{
		{0, full, "nodes", "① Which node? Watch node1: USED rises, FULL IN says how long it lasts. Enter opens its pods; space pauses, n hides these notes."},
		{full, pause, "nodes", "① Which node? node1 is out of ports: what it opens now waits. Press enter to see which of its pods took them."},
		{0, raised, "pods", "② Which pod? One holds nearly all. search leaks nothing, but calls the same address and suffers with it. Enter on checkout."},
		{0, raised, "connections", "③ Which connections? All to one address, held by one process, none ever closed. Press 4 for the cause."},
		{0, raised, "cause", "④ Why? A leak, with the evidence and what to do (y copies a command). Press b to keep a baseline, then space: help comes."},
		{0, raised, "proof", "⑤ The proof needs a before: press b now. Then space lets time go on, and help comes."},
		{pause, raised, "", "Before the fix. ① to ④ say who, where and why: keys 1 to 4. Press b to keep a baseline, then space: help comes."},
		{raised, mended, "", "More ports: each node has 2,048 now, the quick remedy. What waits will be tried again and find one, but checkout still leaks."},
		{mended, freed, "proof", "⑤ Proof: checkout's open connections fell at once. Its ports follow once four minutes are over; shift → goes a minute on."},
		{mended, freed, "", "Mended: checkout keeps a pool of 24 connections. The balancer holds its old ports for four minutes yet. Press 5, + is faster."},
		{freed, 0, "proof", "⑤ Proof: less, beyond noise, against the baseline that b kept. y copies it for the ticket. Home begins again, q quits."},
		{freed, 0, "", "The ports are free again. Press 5 for the proof. Home begins again, q quits; without 'demo' snattop watches your cluster."},
	}
}

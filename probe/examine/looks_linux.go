package examine

import "github.com/snattop/snattop/probe/facts"

// looks says how each part is found.
func looks() map[facts.Part]look {
	return map[facts.Part]look{
		facts.PartReach: lookReach,
		facts.PartLoad:  lookLoad,
	}
}

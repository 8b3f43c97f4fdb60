package examine

import "github.com/snattop/snattop/probe/facts"

// looks says how each part is found.
func looks() map[facts.Part]look {
	return map[facts.Part]look{
		facts.PartReach: lookReach,
		facts.PartLoad:  lookLoad,

		facts.PartNetwork:    lookNetwork,
		facts.PartTracking:   lookTracking,
		facts.PartPaths:      lookPaths,
		facts.PartContainers: lookContainers,
		facts.PartHolders:    lookHolders,

		facts.PartFirewall: lookFirewall,
		facts.PartDials:    lookDials,
	}
}

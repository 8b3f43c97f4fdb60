package probe

import (
	"net/netip"
	"slices"

	"github.com/snattop/snattop/probe/wire"
)

// ownerKey is what makes an owner: the pod where there is one; else the
// namespace with the unit, container or command.
type ownerKey struct {
	podUID string
	ns     uint64
	unit   string
}

type ownerEntry struct {
	wire wire.Owner
	told bool
	// dirty means that what was told is no longer all.
	dirty bool
}

// ownerTable numbers owners and remembers what the controller knows of them.
type ownerTable struct {
	ids   map[ownerKey]uint32
	byID  map[uint32]*ownerEntry
	keyOf map[uint32]ownerKey
	next  uint32
}

func newOwnerTable() *ownerTable {
	return &ownerTable{ids: make(map[ownerKey]uint32), byID: make(map[uint32]*ownerEntry), keyOf: make(map[uint32]ownerKey)}
}

// id returns an owner's number, making it when it is new.
func (t *ownerTable) id(k ownerKey, host bool) uint32 {
	if id, ok := t.ids[k]; ok {
		return id
	}
	t.next++
	t.ids[k] = t.next
	t.keyOf[t.next] = k
	t.byID[t.next] = &ownerEntry{wire: wire.Owner{ID: t.next, NetNS: k.ns, HostNetwork: host, PodUID: k.podUID, Unit: k.unit}}
	return t.next
}

// maxContainers bounds the container IDs told of one owner.
const maxContainers = 64

// sawContainer adds a container to an owner.
func (t *ownerTable) sawContainer(id uint32, container string) {
	e := t.byID[id]
	if e == nil || container == "" || len(e.wire.ContainerIDs) >= maxContainers || slices.Contains(e.wire.ContainerIDs, container) {
		return
	}
	// What was told shares the old array: never append in place.
	e.wire.ContainerIDs = append(slices.Clone(e.wire.ContainerIDs), container)
	e.dirty = true
}

// sawNamespace notes the namespace of a pod, which is not part of its key.
func (t *ownerTable) sawNamespace(id uint32, ns uint64) {
	if e := t.byID[id]; e != nil && e.wire.NetNS == 0 {
		e.wire.NetNS = ns
		e.dirty = true
	}
}

// setIPs replaces an owner's addresses.
func (t *ownerTable) setIPs(id uint32, ips []netip.Addr) {
	e := t.byID[id]
	if e == nil || slices.Equal(e.wire.IPs, ips) {
		return
	}
	e.wire.IPs = slices.Clone(ips)
	e.dirty = true
}

// setLocalPorts replaces how many local ports an owner has to connect from.
func (t *ownerTable) setLocalPorts(id, n uint32) {
	if e := t.byID[id]; e != nil && e.wire.LocalPorts != n {
		e.wire.LocalPorts = n
		e.dirty = true
	}
}

// untold makes every owner be told again.
func (t *ownerTable) untold() {
	for _, e := range t.byID {
		e.told = false
	}
}

// changes returns the owners to tell, and forgets those without rows.
func (t *ownerTable) changes(used map[uint32]bool) (told []wire.Owner, gone []uint32) {
	for id, e := range t.byID {
		if !used[id] {
			if e.told {
				gone = append(gone, id)
			}
			delete(t.ids, t.keyOf[id])
			delete(t.keyOf, id)
			delete(t.byID, id)
			continue
		}
		if !e.told || e.dirty {
			told = append(told, e.wire)
			e.told, e.dirty = true, false
		}
	}
	slices.SortFunc(told, func(x, y wire.Owner) int { return int(x.ID) - int(y.ID) })
	slices.Sort(gone)
	return told, gone
}

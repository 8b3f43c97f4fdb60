package bpf

import "testing"

// followed returns what the programs remember, by socket.
func followed(t testing.TB, c *Counter) map[uint64]countConn {
	t.Helper()
	all := make(map[uint64]countConn)
	var id uint64
	var conn countConn
	socks, conns := c.objects.Maps[countMapSocks], c.objects.Maps[countMapConns]
	if conns == nil {
		it := socks.Iterate()
		for it.Next(&id, &conn) {
			all[id] = conn
		}
		must(t, it.Err())
		return all
	}
	var b countBucket
	for at := range socks.MaxEntries() {
		must(t, socks.Lookup(&at, &b))
		for way, id := range b.Socks {
			if id == 0 {
				continue
			}
			place := at*places + uint32(way)
			must(t, conns.Lookup(&place, &conn))
			all[id] = conn
		}
	}
	return all
}

// remember puts into the programs' minds what they remember of a socket.
func remember(t testing.TB, c *Counter, id uint64, conn countConn) {
	t.Helper()
	socks, conns := c.objects.Maps[countMapSocks], c.objects.Maps[countMapConns]
	if conns == nil {
		must(t, socks.Put(&id, &conn))
		return
	}
	var b countBucket
	at, way := c.place(t, id)
	place := at*places + uint32(way)
	must(t, conns.Put(&place, &conn), socks.Lookup(&at, &b))
	b.Socks[way] = id
	must(t, socks.Put(&at, &b))
}

// place is where a socket is or could be.
func (c *Counter) place(t testing.TB, id uint64) (at uint32, way int) {
	t.Helper()
	buckets := c.objects.Maps[countMapSocks].MaxEntries()
	hash := (id >> 6) * 0x9e3779b97f4a7c15 >> 32
	at = uint32(hash * uint64(buckets) >> 32)
	var b countBucket
	must(t, c.objects.Maps[countMapSocks].Lookup(&at, &b))
	free := -1
	for i, sock := range b.Socks {
		switch sock {
		case id:
			return at, i
		case 0:
			free = i
		}
	}
	if free < 0 {
		t.Fatal("the bucket is full")
	}
	return at, free
}

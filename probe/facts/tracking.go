package facts

// PartTracking is the node's connection tracking table.
const PartTracking Part = "tracking"

// Tracking is the state of the node's table. InsertFailed and Drop are packets
// that were lost during the window.
type Tracking struct {
	Count        uint64 `cbor:"1,keyasint,omitempty"`
	Max          uint64 `cbor:"2,keyasint,omitempty"`
	InsertFailed uint64 `cbor:"3,keyasint,omitempty"`
	Drop         uint64 `cbor:"4,keyasint,omitempty"`
	EarlyDrop    uint64 `cbor:"5,keyasint,omitempty"`
	// Millis is the length of the window.
	Millis int64 `cbor:"6,keyasint,omitempty"`
	// MemTotalKB is the node's memory, as /proc/meminfo says it.
	MemTotalKB uint64 `cbor:"7,keyasint,omitempty"`
	// Log is the newest line of the kernel's log that says that the table was
	// full, LogSeconds how long ago that was, Logged how many such lines there
	// are. LogError says why the log could not be read.
	Log        string `cbor:"8,keyasint,omitempty"`
	LogSeconds int64  `cbor:"9,keyasint,omitempty"`
	Logged     int    `cbor:"10,keyasint,omitempty"`
	LogError   string `cbor:"11,keyasint,omitempty"`
}

func (t *Tracking) bound() {
	if t != nil {
		t.Log, t.LogError = cut(t.Log, 4*maxLabel), cut(t.LogError, 4*maxLabel)
	}
}

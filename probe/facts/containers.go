package facts

// PartContainers is which containers of pods have processes on the node.
const PartContainers Part = "containers"

// MaxContainers bounds them; 250 pods of a few containers each are usual.
const MaxContainers = 1500

// Runtime is what the container runtime's own state says of a container.
type Runtime string

// The answers. RuntimeUnclear: no runtime's state was found where it usually is.
const (
	RuntimeKnows   Runtime = "known"
	RuntimeUnknown Runtime = "unknown"
	RuntimeUnclear Runtime = "unclear"
)

// Container is the processes of one container, by their control group; or those
// that live in a pod's network without being in any pod's control group.
type Container struct {
	PodUID string `cbor:"1,keyasint"`
	// ID is the container's, 64 hexadecimal digits; empty for processes without.
	ID string `cbor:"2,keyasint,omitempty"`
	// Runtime says whether the runtime knows ID.
	Runtime Runtime `cbor:"3,keyasint,omitempty"`
	// PID is the oldest process, Command its command line, Seconds its age,
	// Processes how many there are.
	PID       int    `cbor:"4,keyasint"`
	Command   string `cbor:"5,keyasint,omitempty"`
	Seconds   int64  `cbor:"6,keyasint,omitempty"`
	Processes int    `cbor:"7,keyasint,omitempty"`
	// Stray says that the processes are in the pod's network namespace only.
	Stray bool `cbor:"8,keyasint,omitempty"`
}

func (s *Section) boundContainers() {
	s.Containers = s.Containers[:min(len(s.Containers), MaxContainers)]
	for i := range s.Containers {
		c := &s.Containers[i]
		c.PodUID, c.ID, c.Runtime, c.Command = cut(c.PodUID, maxLabel), cut(c.ID, maxLabel), Runtime(cut(string(c.Runtime), maxLabel)), cut(c.Command, 2*maxLabel)
	}
}

// Package msix stands in for the module of the same name, which not every
// module proxy serves. goreleaser needs it for packages of the Windows Store
// alone; snattop makes none, so every call here says that it cannot.
package msix

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
)

// ErrNotBuilt is what every call returns.
var ErrNotBuilt = errors.New("this goreleaser was built without MSIX packages")

// Builder and the types below have the fields that nfpm fills in.
type (
	Builder struct {
		Manifest    Manifest
		SignOptions *SignOptions
	}
	Manifest struct {
		Identity     Identity
		Properties   Properties
		Dependencies Dependencies
		Resources    []Resource
		Applications []Application
		Capabilities Capabilities
	}
	Identity     struct{ Name, Version, Publisher, ProcessorArchitecture, ResourceID string }
	Properties   struct{ DisplayName, PublisherDisplayName, Logo, Description string }
	Dependencies struct{ TargetDeviceFamilies []TargetDeviceFamily }
	Resource     struct{ Language string }
	Application  struct {
		ID, Executable, EntryPoint string
		VisualElements             VisualElements
	}
	VisualElements struct {
		DisplayName, Description, BackgroundColor, Square150x150Logo, Square44x44Logo string
	}
	TargetDeviceFamily struct{ Name, MinVersion, MaxVersionTested string }
	Capabilities       struct {
		Capabilities       []Capability
		DeviceCapabilities []DeviceCapability
		Restricted         []RestrictedCapability
	}
	Capability           struct{ Name string }
	DeviceCapability     struct{ Name string }
	RestrictedCapability struct{ Name string }
	SignOptions          struct {
		Certificate *x509.Certificate
		PrivateKey  crypto.PrivateKey
		CertChain   []*x509.Certificate
	}
)

// NewBuilder returns a builder that builds nothing.
func NewBuilder() *Builder { return &Builder{} }

// AddFile returns ErrNotBuilt.
func (*Builder) AddFile(_, _ string) error { return ErrNotBuilt }

// Build returns ErrNotBuilt.
func (*Builder) Build(io.Writer) error { return ErrNotBuilt }

// LoadPFX returns ErrNotBuilt.
func LoadPFX(_, _ string) (*x509.Certificate, crypto.PrivateKey, []*x509.Certificate, error) {
	return nil, nil, nil, ErrNotBuilt
}

// The release tool, built from its own module. It stands apart so that its
// many dependencies never meet snattop's.
module github.com/snattop/snattop/goreleaser

go 1.27.1

require github.com/goreleaser/goreleaser/v2 v2.18.2

// Packages of the Windows Store, which are not made here: see nomsix.
replace go.digitalxero.dev/go-msix => ./nomsix

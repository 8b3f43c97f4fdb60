// Package pick chooses the reader of a cloud by what the nodes' providerIDs
// say, and stands between that reader and everybody else: a reader that cannot
// be made, or that breaks, is a sentence and not a crash.
package pick

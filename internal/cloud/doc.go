// Package cloud is what a cloud measures of its own address translation, as
// plain data: readings fill it in, recordings store it, and nothing here knows
// an SDK. The packages below it read the clouds.
//
// Everything is optional. A cloud that cannot be asked is a sentence in
// Reading.Problems, and whoever watches goes on without it.
package cloud

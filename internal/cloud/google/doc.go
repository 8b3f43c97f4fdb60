// Package google reads what Google Cloud measures of Cloud NAT, machine by
// machine, from Cloud Monitoring. It writes nothing and needs one role,
// Monitoring Viewer (roles/monitoring.viewer).
//
// It speaks the REST API with small structures of its own, because Google's
// client library would add a tenth to snattop; docs/cloud.md has the figures.
package google

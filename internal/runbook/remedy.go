package runbook

// remedies is what to do about a found cause.
func (s *scene) remedies(a *Answer) []Remedy { return nil }

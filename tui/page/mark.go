package page

// JobMark stands before a workload that runs to an end.
const JobMark = "◷"

package snat

import (
	"fmt"
	"strconv"
	"strings"
)

// grouped writes a number with commas between its thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// counted writes a number with its noun: "1 node", "1,024 nodes".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", grouped(n), many)
}

func portsText(n int) string     { return counted(n, "port", "ports") }
func nodesText(n int) string     { return counted(n, "node", "nodes") }
func addressesText(n int) string { return counted(n, "address", "addresses") }

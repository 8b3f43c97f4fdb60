package snat

import (
	"fmt"
	"strings"
)

// Command is a remedy to copy. snattop runs none of them.
type Command struct {
	// Text says what the command does, with its numbers.
	Text string
	// Line is the command: one line for a POSIX shell. Names that are not known
	// are placeholders in capitals.
	Line string
	// Warning is what to know before running it.
	Warning string
}

// CommandTarget is what commands act on. Every field may come from a cloud or
// a cluster, or be empty.
type CommandTarget struct {
	// Group and Name are an AKS cluster's resource group and name.
	Group, Name string
	// Gateway is the NAT gateway: Cloud NAT's name, or the id on AWS.
	Gateway string
	// Router, Region and Project say where a Cloud NAT gateway is; Region also
	// where one on AWS is. An empty Project is left out, and an empty Region on
	// AWS.
	Router, Region, Project string
}

// checkPage is the warning where no source that was read says what a change
// interrupts.
const checkPage = "Check the provider's page for what this interrupts."

// IdleMinutesMin and IdleMinutesMax bound the idle timeout of Azure Load
// Balancer and of Azure NAT gateway, in minutes.
//
// Source: AKS (azure-aks-docs) and Azure NAT gateway (azure-docs, nat-gateway).
const (
	IdleMinutesMin = 4
	IdleMinutesMax = 120
)

func checkIdle(minutes int) error {
	if minutes < IdleMinutesMin || minutes > IdleMinutesMax {
		return fmt.Errorf("an idle timeout of %d minutes: Azure takes %d to %d", minutes, IdleMinutesMin, IdleMinutesMax)
	}
	return nil
}

// line joins the words of a command.
func line(words ...string) string { return strings.Join(words, " ") }

// flag writes a flag and its number.
func flag(name string, n int) string { return fmt.Sprintf("%s %d", name, n) }

package facts

// PartFirewall is what filters packets that come in to the node: the rules of
// iptables (legacy and nft, both families) and of nftables that lie on the way
// of such a packet, and ufw.
const PartFirewall Part = "firewall"

// KubeletPort is the port that PartFirewall is about: rules that name another
// one are left out, and the rest keep their numbers.
const KubeletPort = 10250

// Firewall is PartFirewall.
type Firewall struct {
	// Tables are the rule sets that could be read.
	Tables []FilterTable `cbor:"1,keyasint,omitempty"`
	// Unread says in one line each what could not be read, and why.
	Unread []string `cbor:"2,keyasint,omitempty"`
	UFW    UFW      `cbor:"3,keyasint"`
}

// FilterTable is what one tool tells of one family: of the table filter, or of
// one table of nftables.
type FilterTable struct {
	// Tool is the program that changes these rules: "iptables-legacy",
	// "ip6tables", "nft".
	Tool string `cbor:"1,keyasint"`
	// Family is "ip", "ip6" or "inet".
	Family string `cbor:"2,keyasint"`
	// Name is the table's: "filter".
	Name string `cbor:"3,keyasint"`
	// Chains are those that packets come in by, and those that they lead to.
	Chains []FilterChain `cbor:"4,keyasint,omitempty"`
	// Left counts the rules that did not find room.
	Left int `cbor:"5,keyasint,omitempty"`
}

// FilterChain is a list of rules.
type FilterChain struct {
	Name string `cbor:"1,keyasint"`
	// Base means that packets that come in begin here.
	Base bool `cbor:"2,keyasint,omitempty"`
	// Policy is what becomes of a packet at its end: "ACCEPT", "DROP", or "-"
	// for a chain that others lead to.
	Policy string       `cbor:"3,keyasint"`
	Rules  []FilterRule `cbor:"4,keyasint,omitempty"`
}

// FilterRule is one rule, as the tool prints it.
type FilterRule struct {
	// Number is its place in the chain, from 1; of nftables its handle.
	Number int `cbor:"1,keyasint"`
	// Text is "-p tcp -m tcp --dport 10250 -j DROP", or the words of nft.
	Text string `cbor:"2,keyasint"`
}

// UFW is Ubuntu's front end to iptables.
type UFW struct {
	// Present means that the program is there.
	Present bool `cbor:"1,keyasint,omitempty"`
	// Active is its own word; known only without an Error.
	Active bool `cbor:"2,keyasint,omitempty"`
	// Default is what becomes of incoming packets: "deny", "reject", "allow".
	Default string `cbor:"3,keyasint,omitempty"`
	// Rules are its rules for incoming packets, as it prints them.
	Rules []string `cbor:"4,keyasint,omitempty"`
	// Error says in one line why its state could not be read.
	Error string `cbor:"5,keyasint,omitempty"`
}

// Bounds of a firewall: a node that filters has some hundred rules on the way
// of an incoming packet.
const (
	// MaxTables bounds the rule sets.
	MaxTables = 16
	// MaxChains bounds the chains of one table, MaxRules the rules of all of
	// its chains.
	MaxChains = 128
	MaxRules  = 1024
	// MaxRule bounds the text of one rule, in bytes.
	MaxRule = 512
)

func (f *Firewall) bound() {
	if f == nil {
		return
	}
	f.Tables = f.Tables[:min(len(f.Tables), MaxTables)]
	for i := range f.Tables {
		f.Tables[i].bound()
	}
	f.Unread = boundLines(f.Unread, MaxTables)
	f.UFW.Default, f.UFW.Error = cut(f.UFW.Default, MaxRule), cut(f.UFW.Error, MaxRule)
	f.UFW.Rules = boundLines(f.UFW.Rules, MaxChains)
}

func (t *FilterTable) bound() {
	t.Tool, t.Family, t.Name = cut(t.Tool, MaxRule), cut(t.Family, MaxRule), cut(t.Name, MaxRule)
	for _, c := range t.Chains[min(len(t.Chains), MaxChains):] {
		t.Left += len(c.Rules)
	}
	t.Chains = t.Chains[:min(len(t.Chains), MaxChains)]
	room := MaxRules
	for i := range t.Chains {
		c := &t.Chains[i]
		c.Name, c.Policy = cut(c.Name, MaxRule), cut(c.Policy, MaxRule)
		t.Left += max(len(c.Rules)-room, 0)
		c.Rules = c.Rules[:min(len(c.Rules), room)]
		room -= len(c.Rules)
		for j := range c.Rules {
			c.Rules[j].Text = cut(c.Rules[j].Text, MaxRule)
		}
	}
}

func boundLines(lines []string, most int) []string {
	lines = lines[:min(len(lines), most)]
	for i := range lines {
		lines[i] = cut(lines[i], MaxRule)
	}
	return lines
}

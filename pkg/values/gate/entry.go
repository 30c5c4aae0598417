package gate

// PluginType is the plugin's name in a CNI configuration, and so its file's in the folder of CNI plugins.
const PluginType = "data-space-cni"

// Entry is the plugin's part of a CNI configuration list. Keys are written in this order.
type Entry struct {
	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"` // what the runtime is to hand on
	Socket       string          `json:"socket"`       // the agent's
	Spaces       string          `json:"spaces"`       // the list of namespaces
	Exempt       []string        `json:"exempt"`       // namespaces whose pods start even if neither the API server nor the node's cache can be asked
	Marks        bool            `json:"marks"`        // every foreign pod bears the mark
}

// NewEntry returns an Entry with the usual places.
func NewEntry(exempt []string, marks bool) Entry {
	return Entry{
		Type: PluginType, Capabilities: map[string]bool{CapabilityAnnotations: true},
		Socket: Socket, Spaces: SpacesFile, Exempt: exempt, Marks: marks,
	}
}

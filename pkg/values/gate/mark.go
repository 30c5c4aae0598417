package gate

// AnnotationGuest is on every pod that was admitted in a foreign namespace; its value is the guest's cluster id. It
// identifies a foreign pod when neither agent nor API server can be asked: the runtime passes it to the plugin by the CNI capability
// CapabilityAnnotations.
const AnnotationGuest = "data-space.liqo.io/guest"

// CapabilityAnnotations is the CNI capability by which containerd and CRI-O hand on a pod's annotations.
const CapabilityAnnotations = "io.kubernetes.cri.pod-annotations"

// annotationSource is set by the kubelet on every pod that it runs (pkg/kubelet/types: ConfigSourceAnnotationKey): where
// it is seen, all annotations are. With sourceAPI the pod was admitted; static pods never are.
const (
	annotationSource = "kubernetes.io/config.source"
	sourceAPI        = "api"
)

// Mark is what a pod's annotations say about it.
type Mark struct {
	Shown bool   `json:"shown,omitempty"` // it was admitted, and the runtime shows annotations: the absence of a mark means something
	Set   bool   `json:"set,omitempty"`   // the pod bears the mark
	Guest string `json:"guest,omitempty"`
}

// MarkOf reads a pod's mark from the annotations that the runtime handed on, nil if it handed on none.
func MarkOf(annotations map[string]string) Mark {
	shown := annotations[annotationSource] == sourceAPI
	guest, set := annotations[AnnotationGuest]
	return Mark{Shown: shown || set, Set: set, Guest: guest}
}

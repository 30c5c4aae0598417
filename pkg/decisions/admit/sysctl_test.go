package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestAPodDoesNotSizeTheProxysBuffers(t *testing.T) {
	for name, refused := range map[string]bool{
		"net.ipv4.tcp_rmem": true, "net.ipv4.tcp_wmem": true, "net/ipv4/tcp_rmem": true, "net.ipv4.ip_unprivileged_port_start": false,
	} {
		spec := &corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: name, Value: "4096 1073741824 2147483647"}}}}
		require.Equal(t, refused, len(Pod(&metav1.ObjectMeta{}, spec, Settings{}, field.NewPath("spec"))) > 0, name)
	}
}

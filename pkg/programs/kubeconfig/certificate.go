package kubeconfig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/utils/ptr"
)

// subject is who a certificate names.
type subject struct {
	name   string
	groups []string
}

// certificate has the API server's signer sign a certificate for a new key. The key does not leave this program but in the result.
func certificate(ctx context.Context, clients kubernetes.Interface, of subject, lasts time.Duration, approve bool, stderr io.Writer) (*clientcmdapi.AuthInfo, error) {
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	private, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	asked, err := cert.MakeCSR(private, &pkix.Name{CommonName: of.name, Organization: of.groups}, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request for a certificate: %w", err)
	}
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	signer, is := private.(crypto.Signer)
	if !is {
		return nil, fmt.Errorf("the key is a %T, which signs nothing", private)
	}
	name, uid, err := csr.RequestCertificateWithContext(ctx, clients, asked, "", certificatesv1.KubeAPIServerClientSignerName, ptr.To(lasts), usages, signer)
	if err != nil {
		return nil, fmt.Errorf("create the CertificateSigningRequest: %w", err)
	}
	if approve {
		if err := approved(ctx, clients, name, uid, asked); err != nil {
			return nil, err
		}
	} else {
		fmt.Fprintf(stderr, "waiting until the CertificateSigningRequest is approved: kubectl certificate approve %s\n", name)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	signed, err := csr.WaitForCertificate(ctx, clients, name, uid)
	if err != nil {
		return nil, fmt.Errorf("the CertificateSigningRequest %q has no certificate: %w", name, err)
	}
	return &clientcmdapi.AuthInfo{ClientCertificateData: signed, ClientKeyData: key}, nil
}

// approved approves a request, if it is still the one that this program has made: another of the same name may have the same text, and another signer or usages.
func approved(ctx context.Context, clients kubernetes.Interface, name string, uid types.UID, asked []byte) error {
	requests := clients.CertificatesV1().CertificateSigningRequests()
	request, err := requests.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the CertificateSigningRequest %q: %w", name, err)
	}
	if request.UID != uid || !bytes.Equal(request.Spec.Request, asked) {
		return fmt.Errorf("the CertificateSigningRequest %q was replaced by another, and is not approved; delete it, and run this again", name)
	}
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "KubectlDataspace", Message: "kubectl dataspace kubeconfig",
	})
	if _, err := requests.UpdateApproval(ctx, name, request, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("approve the CertificateSigningRequest %q: %w; with --approve=false another approves it", name, err)
	}
	return nil
}

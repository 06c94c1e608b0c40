package cluster

import (
	"bytes"
	"embed"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Addresses in the node's network namespace. They are the same for every cluster, because each
// cluster has its own namespace.
const (
	nodeName         = "certsync-node"
	nodeIP           = "10.77.0.1"
	nodeNetwork      = "10.77.0.1/24"
	serviceNetwork   = "10.78.0.0/16"
	kubernetesIP     = "10.78.0.1" // the first address of serviceNetwork: the Service "kubernetes"
	podNetwork       = "10.79.0.0/16"
	nodePodNetwork   = "10.79.0.0/24"
	apiServerAddress = "https://10.77.0.1:6443"
	etcdAddress      = "http://127.0.0.1:2379"

	// serviceAccountIssuer is a URL that cannot be reached from outside, as in any private cluster.
	// Relying parties get the keys from ServiceAccountKeys.
	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
)

//go:embed config
var configTemplates embed.FS

// configFiles maps the templates below config/ to their paths in the state directory.
var configFiles = map[string]string{
	"containerd.toml.tmpl": "containerd.toml",
	"kubelet.yaml.tmpl":    "kubelet.yaml",
	"bridge.conflist.tmpl": "cni/10-bridge.conflist",
	"kube-proxy.yaml.tmpl": "kube-proxy.yaml",
}

// configValues are the values that the templates use.
type configValues struct {
	State, Name, Runc, CNI, PauseImage           string
	NodeName, NodeIP, PodNetwork, NodePodNetwork string
}

// writeConfig renders the programs' configuration files into the state directory.
func (n *node) writeConfig() error {
	values := configValues{
		State: n.state, Name: n.name, Runc: n.programs["runc"], CNI: cniPlugins, PauseImage: pauseReference,
		NodeName: nodeName, NodeIP: nodeIP, PodNetwork: podNetwork, NodePodNetwork: nodePodNetwork,
	}
	for source, target := range configFiles {
		text, err := renderConfig(source, values)
		if err != nil {
			return err
		}
		if err := n.write(target, text); err != nil {
			return err
		}
	}
	return nil
}

func renderConfig(source string, values configValues) ([]byte, error) {
	t, err := template.New(source).Option("missingkey=error").ParseFS(configTemplates, "config/"+source)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, values)
	return out.Bytes(), err
}

// identities are the node's certificates by file name. The user and group names are those of
// Kubernetes.
func identities() map[string]identity {
	return map[string]identity{
		"apiserver": {
			user: "kube-apiserver",
			dns:  []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			ips:  []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP(nodeIP), net.ParseIP(kubernetesIP)},
		},
		"apiserver-kubelet-client": {user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		"admin":                    {user: "admin", groups: []string{"system:masters"}},
		"controller-manager":       {user: "system:kube-controller-manager"},
		"scheduler":                {user: "system:kube-scheduler"},
		"kube-proxy":               {user: "system:kube-proxy"},
		"kubelet": {
			user: "system:node:" + nodeName, groups: []string{"system:nodes"},
			dns: []string{nodeName}, ips: []net.IP{net.ParseIP(nodeIP)},
		},
	}
}

// writePKI creates all keys and certificates, and a kubeconfig for each client.
func (n *node) writePKI(now time.Time) error {
	ca, err := newAuthority(now)
	if err != nil {
		return err
	}
	tokens, err := newServiceAccountKey()
	if err != nil {
		return err
	}
	pairs := map[string]keyPair{"ca": ca.keyPair, "service-account": tokens}
	for name, id := range identities() {
		pair, err := ca.issue(id, now)
		if err != nil {
			return err
		}
		pairs[name] = pair
		kubeconfig, err := clientcmd.Write(kubeconfigFor(id.user, ca.cert, pair))
		if err != nil {
			return err
		}
		if err := n.write(name+".kubeconfig", kubeconfig); err != nil {
			return err
		}
	}
	for name, pair := range pairs {
		if err := n.write("pki/"+name+".crt", pair.cert); err != nil {
			return err
		}
		if err := n.write("pki/"+name+".key", pair.key); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfigFor(user string, ca []byte, pair keyPair) api.Config {
	const name = "certsync"
	return api.Config{
		Clusters:       map[string]*api.Cluster{name: {Server: apiServerAddress, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*api.AuthInfo{user: {ClientCertificateData: pair.cert, ClientKeyData: pair.key}},
		Contexts:       map[string]*api.Context{name: {Cluster: name, AuthInfo: user}},
		CurrentContext: name,
	}
}

// write creates a file in the state directory that only root can read.
func (n *node) write(name string, content []byte) error {
	path := n.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

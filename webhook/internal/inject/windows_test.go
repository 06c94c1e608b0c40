package inject

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestIsWindows(t *testing.T) {
	affinity := func(terms string) string {
		return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: " + terms + "}}}"
	}
	const windows, linux = "{key: kubernetes.io/os, operator: In, values: [windows]}", "{key: kubernetes.io/os, operator: In, values: [linux]}"
	for spec, want := range map[string]bool{
		"{}":                    false,
		"os: {name: windows}":   true,
		"os: {name: linux}":     false,
		"runtimeClassName: win": false,
		"tolerations: [{key: os, value: windows}]":                                                                            false,
		"nodeSelector: {kubernetes.io/os: windows}":                                                                           true,
		"nodeSelector: {kubernetes.io/os: linux}":                                                                             false,
		"nodeSelector: {beta.kubernetes.io/os: windows}":                                                                      true,
		"nodeSelector: {kubernetes.azure.com/os: windows}":                                                                    true,
		"nodeSelector: {kubernetes.azure.com/os-sku: Windows2022}":                                                            true,
		"nodeSelector: {kubernetes.azure.com/os-sku: WindowsAnnual}":                                                          true,
		"nodeSelector: {kubernetes.azure.com/os-sku: AzureLinux}":                                                             false,
		"nodeSelector: {node.kubernetes.io/windows-build: 10.0.20348}":                                                        true,
		"nodeSelector: {agentpool: windows}":                                                                                  false,
		"{os: {name: linux}, nodeSelector: {kubernetes.io/os: windows}}":                                                      false,
		"{os: {name: windows}, nodeSelector: {kubernetes.io/os: linux}}":                                                      true,
		affinity("[{matchExpressions: [" + windows + "]}]"):                                                                   true,
		affinity("[{matchExpressions: [" + linux + "]}]"):                                                                     false,
		affinity("[{matchExpressions: [" + windows + "]}, {matchExpressions: [" + linux + "]}]"):                              false,
		affinity("[{matchExpressions: [" + windows + "]}, {matchExpressions: [{key: pool, operator: Exists}]}]"):              false,
		affinity("[{matchExpressions: [" + windows + "]}, {matchFields: [{key: metadata.name, operator: In, values: [a]}]}]"): false,
		affinity("[{matchExpressions: [" + windows + "]}, {}]"):                                                               true,
		affinity("[{}]"): false,
		affinity("[]"):   false,
		affinity("[{matchExpressions: [{key: pool, operator: Exists}, " + windows + "]}]"):                                                              true,
		affinity("[{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows, linux]}]}]"):                                             false,
		affinity("[{matchExpressions: [{key: kubernetes.io/os, operator: NotIn, values: [linux]}]}]"):                                                   true,
		affinity("[{matchExpressions: [{key: kubernetes.io/os, operator: NotIn, values: [windows]}]}]"):                                                 false,
		affinity("[{matchExpressions: [{key: kubernetes.io/os, operator: Exists}]}]"):                                                                   false,
		affinity("[{matchExpressions: [{key: kubernetes.io/os, operator: DoesNotExist}]}]"):                                                             false,
		affinity("[{matchExpressions: [{key: node.kubernetes.io/windows-build, operator: Exists}]}]"):                                                   true,
		affinity("[{matchExpressions: [{key: node.kubernetes.io/windows-build, operator: NotIn, values: [10.0.17763]}]}]"):                              false,
		affinity("[{matchExpressions: [{key: node.kubernetes.io/windows-build, operator: DoesNotExist}]}]"):                                             false,
		affinity("[{matchExpressions: [{key: kubernetes.azure.com/os-sku, operator: In, values: [Windows2019, Windows2022]}]}]"):                        true,
		affinity("[{matchExpressions: [{key: kubernetes.azure.com/os-sku, operator: In, values: [Windows2019, Ubuntu]}]}]"):                             false,
		affinity("[{matchExpressions: [{key: kubernetes.azure.com/os-sku, operator: NotIn, values: [Ubuntu]}]}]"):                                       false,
		"affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [" + windows + "]}}]}}": false,
		"securityContext: {windowsOptions: {runAsUserName: ContainerUser}}":                                                                             true,
		"securityContext: {windowsOptions: {}}":                                                                                                         false,
		"securityContext: {windowsOptions: {hostProcess: false}}":                                                                                       false,
		"containers: [{name: a, securityContext: {windowsOptions: {hostProcess: true}}}]":                                                               true,
		"initContainers: [{name: a, securityContext: {windowsOptions: {gmsaCredentialSpecName: a}}}]":                                                   true,
		"{nodeSelector: {kubernetes.io/os: linux}, securityContext: {windowsOptions: {runAsUserName: a}}}":                                              false,
		"{" + affinity("[{matchExpressions: ["+linux+"]}]") + ", securityContext: {windowsOptions: {runAsUserName: a}}}":                                false,
		"{nodeSelector: {kubernetes.azure.com/os-sku: Ubuntu}, containers: [{name: a, securityContext: {windowsOptions: {runAsUserName: a}}}]}":         false,
	} {
		var pod corev1.Pod
		if err := yaml.UnmarshalStrict([]byte(spec), &pod.Spec); err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if got := isWindows(&pod); got != want {
			t.Errorf("%s: Windows %t, want %t", spec, got, want)
		}
	}
}

package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// isWindows reports whether the pod runs on Windows nodes only. The first row that matches decides:
//
//	the pod                                        runs on
//	---------------------------------------------  -------
//	sets spec.os                                   that OS
//	requires Linux by node selector or affinity    Linux
//	requires Windows by node selector or affinity  Windows
//	has windowsOptions, which Linux ignores        Windows
//	any other                                      Linux
//
// What a RuntimeClass requires is not in the pod. Tolerations and preferred affinity require
// nothing.
func isWindows(pod *corev1.Pod) bool {
	s := &pod.Spec
	if s.OS != nil {
		return s.OS.Name == corev1.Windows
	}
	if requiresOS(s, corev1.Linux) {
		return false
	}
	return requiresOS(s, corev1.Windows) || hasWindowsOptions(s)
}

// requiresOS reports whether the pod's node selector or required node affinity leaves only nodes of
// an operating system. The terms of an affinity are alternatives, so each must require it; a term
// without requirements matches no node. The requirements of a term all hold, so one is enough.
//
// Source:
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
func requiresOS(s *corev1.PodSpec, os corev1.OSName) bool {
	for key, value := range s.NodeSelector {
		if osOfLabel(key, value) == os {
			return true
		}
	}
	if s.Affinity == nil || s.Affinity.NodeAffinity == nil ||
		s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	required := false
	for _, term := range s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		if len(term.MatchExpressions)+len(term.MatchFields) == 0 {
			continue
		}
		if !slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return osOfRequirement(r) == os }) {
			return false
		}
		required = true
	}
	return required
}

// osOfRequirement returns the only operating system of the nodes that meet a requirement, or "".
func osOfRequirement(r corev1.NodeSelectorRequirement) corev1.OSName {
	switch r.Operator {
	case corev1.NodeSelectorOpIn:
		if len(r.Values) == 0 {
			return ""
		}
		os := osOfLabel(r.Key, r.Values[0])
		for _, value := range r.Values[1:] {
			if osOfLabel(r.Key, value) != os {
				return ""
			}
		}
		return os
	case corev1.NodeSelectorOpNotIn:
		// Nodes run Linux or Windows.
		if !isOSLabel(r.Key) {
			return ""
		}
		linux, windows := slices.Contains(r.Values, string(corev1.Linux)), slices.Contains(r.Values, string(corev1.Windows))
		switch {
		case linux && !windows:
			return corev1.Windows
		case windows && !linux:
			return corev1.Linux
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		return osOfLabel(r.Key, "")
	}
	return ""
}

// osOfLabel returns the operating system of all nodes with a label, or "" if it does not depend on
// the label.
//
// Sources: https://kubernetes.io/docs/reference/labels-annotations-taints/ and
// https://learn.microsoft.com/azure/aks/use-labels#reserved-system-labels
func osOfLabel(key, value string) corev1.OSName {
	switch {
	case isOSLabel(key):
		switch os := corev1.OSName(strings.ToLower(value)); os {
		case corev1.Linux, corev1.Windows:
			return os
		}
	case key == corev1.LabelWindowsBuild:
		return corev1.Windows
	case value == "":
	case key == "kubernetes.azure.com/os-sku", key == "kubernetes.azure.com/os-sku-requested", key == "kubernetes.azure.com/os-sku-effective":
		if strings.HasPrefix(strings.ToLower(value), string(corev1.Windows)) {
			return corev1.Windows // Windows2022, WindowsAnnual
		}
		return corev1.Linux // Ubuntu, AzureLinux
	}
	return ""
}

func isOSLabel(key string) bool {
	return key == corev1.LabelOSStable || key == "beta.kubernetes.io/os" || key == "kubernetes.azure.com/os"
}

// hasWindowsOptions reports whether the pod or one of its containers has options for Windows.
func hasWindowsOptions(s *corev1.PodSpec) bool {
	if s.SecurityContext != nil && setsWindowsOption(s.SecurityContext.WindowsOptions) {
		return true
	}
	has := func(c corev1.Container) bool {
		return c.SecurityContext != nil && setsWindowsOption(c.SecurityContext.WindowsOptions)
	}
	return slices.ContainsFunc(s.InitContainers, has) || slices.ContainsFunc(s.Containers, has)
}

func setsWindowsOption(o *corev1.WindowsSecurityContextOptions) bool {
	return o != nil && (o.GMSACredentialSpecName != nil || o.GMSACredentialSpec != nil || o.RunAsUserName != nil ||
		o.HostProcess != nil && *o.HostProcess)
}

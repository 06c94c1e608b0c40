package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits for one pod. They are far above what the kubelet can run, and keep the memory and the
// patch for a pod small whoever sends it.
const (
	MaxContainers = 1000 // init, main and ephemeral containers together
	MaxMounts     = 1000 // volume mounts of all containers together
	MaxVolumes    = 1000
)

// CheckLimits checks a pod against the limits. The error is a *Denied.
func CheckLimits(pod *corev1.Pod) error {
	s := &pod.Spec
	mounts := 0
	for i := range s.InitContainers {
		mounts += len(s.InitContainers[i].VolumeMounts)
	}
	for i := range s.Containers {
		mounts += len(s.Containers[i].VolumeMounts)
	}
	switch {
	case len(s.InitContainers)+len(s.Containers)+len(s.EphemeralContainers) > MaxContainers:
		return tooMany(MaxContainers, "containers")
	case mounts > MaxMounts:
		return tooMany(MaxMounts, "volume mounts")
	case len(s.Volumes) > MaxVolumes:
		return tooMany(MaxVolumes, "volumes")
	}
	return nil
}

func tooMany(limit int, elements string) *Denied {
	return &Denied{fmt.Sprintf("the pod has more than %d,%03d %s: split it into several pods", limit/1000, limit%1000, elements)}
}

// containerList, mountList and volumeList stop decoding at their limits. A list of empty objects
// is a hundred times as large in memory as in JSON.
type (
	containerList []containerView
	mountList     []corev1.VolumeMount
	volumeList    []corev1.Volume
)

// UnmarshalJSONFrom implements jsonv2.UnmarshalerFrom.
func (l *containerList) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return decodeList(d, (*[]containerView)(l), MaxContainers, "containers")
}

// UnmarshalJSONFrom implements jsonv2.UnmarshalerFrom.
func (l *mountList) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return decodeList(d, (*[]corev1.VolumeMount)(l), MaxMounts, "volume mounts")
}

// UnmarshalJSONFrom implements jsonv2.UnmarshalerFrom.
func (l *volumeList) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return decodeList(d, (*[]corev1.Volume)(l), MaxVolumes, "volumes")
}

// decodeList decodes a list of at most the limit's number of elements. The error is a *Denied if
// there are more; then the rest is not read.
func decodeList[T any](d *jsontext.Decoder, list *[]T, limit int, elements string) error {
	if d.PeekKind() != '[' {
		return jsonv2.UnmarshalDecode(d, list) // null, or an error
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	*list = []T{}
	for d.PeekKind() != ']' {
		if len(*list) == limit {
			return tooMany(limit, elements)
		}
		var element T
		*list = append(*list, element)
		if err := jsonv2.UnmarshalDecode(d, &(*list)[len(*list)-1]); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

package nodepod

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// PullImage is what is pulled when the node holds nothing that serves.
const PullImage = "busybox:1.36"

// Choice is an image to make a container of.
type Choice struct {
	Image  string
	Policy corev1.PullPolicy
	// HostTools means that the image has no shell: the host's /bin, /lib* and
	// /usr are mounted read-only over it.
	HostTools bool
	// HoldsProbe means that the image has the probe at ProbeInImage.
	HoldsProbe bool
	// Reason tells the operator why this one.
	Reason string
}

// ImageOptions are the operator's wishes.
type ImageOptions struct {
	// ProbeImage has the probe inside; Image has a shell. Either ends the
	// search.
	ProbeImage, Image string
}

// An image runs with every privilege on the node, and anyone who may create
// pods decides which images a node holds. So a name alone is not enough: only
// these repositories are trusted, written as client and runtime normalise
// them.
var shells = []*regexp.Regexp{
	regexp.MustCompile(`^(docker\.io/library|public\.ecr\.aws/docker/library|mirror\.gcr\.io/library|registry\.k8s\.io/e2e-test-images|mcr\.microsoft\.com/(.+/)?(library|busybox|mirror/docker/library))/busybox$`),
	regexp.MustCompile(`^(docker\.io/library|public\.ecr\.aws/docker/library|mirror\.gcr\.io/library)/alpine$`),
	regexp.MustCompile(`^(mcr\.microsoft\.com/(azurelinux/busybox|cbl-mariner/busybox|azurelinux/base/core|cbl-mariner/base/core))$`),
	regexp.MustCompile(`^(docker\.io/library|public\.ecr\.aws/docker/library|mirror\.gcr\.io/library)/(debian|ubuntu|bash|fedora|almalinux|rockylinux|amazonlinux|photon|opensuse)$`),
	regexp.MustCompile(`^(registry\.k8s\.io/build-image/debian-base|registry\.access\.redhat\.com/ubi[89](/ubi)?(-minimal)?)$`),
}

// pauses hold a pod's sandbox, so every node has one; some runtimes pin them
// under a name of their own.
var pauses = regexp.MustCompile(`^(registry\.k8s\.io|k8s\.gcr\.io|gcr\.io/(google[-_]containers|gke-release)|gke\.gcr\.io|mcr\.microsoft\.com/(.+/)?kubernetes|localhost/kubernetes|` +
	`docker\.io/rancher|docker\.io/kindest|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/eks|public\.ecr\.aws/eks-distro/kubernetes)/(mirrored-)?pause(-amd64|-arm64)?$`)

// Choose lists the images to try on a node, best first. held are the
// references that the node reported (a kubelet reports its 50 largest, so a
// small one may be missing).
func Choose(opts ImageOptions, held []string) []Choice {
	switch {
	case opts.ProbeImage != "":
		return []Choice{{Image: opts.ProbeImage, Policy: corev1.PullIfNotPresent, HoldsProbe: true,
			Reason: fmt.Sprintf("%s, as --probe-image says: nothing is uploaded", opts.ProbeImage)}}
	case opts.Image != "":
		return []Choice{{Image: opts.Image, Policy: corev1.PullIfNotPresent,
			Reason: fmt.Sprintf("%s, as --image says", opts.Image)}}
	}
	var out []Choice
	for _, re := range shells {
		if ref, ok := newest(held, re); ok {
			out = append(out, Choice{Image: ref, Policy: corev1.PullNever,
				Reason: fmt.Sprintf("%s, which the node already holds", ref)})
			break
		}
	}
	if ref, ok := newest(held, pauses); ok {
		out = append(out, Choice{Image: ref, Policy: corev1.PullNever, HostTools: true,
			Reason: fmt.Sprintf("%s, which the node already holds, with the node's own tools mounted read-only", ref)})
	}
	return append(out, Choice{Image: PullImage, Policy: corev1.PullIfNotPresent,
		Reason: fmt.Sprintf("%s, which has to be pulled: the node reports no image that serves", PullImage)})
}

// newest returns the matching reference that sorts last: among tags of one
// repository the newest, near enough.
func newest(held []string, re *regexp.Regexp) (string, bool) {
	var match []string
	for _, ref := range held {
		if re.MatchString(repository(ref)) {
			match = append(match, ref)
		}
	}
	if len(match) == 0 {
		return "", false
	}
	return slices.Max(match), true
}

// repository cuts tag and digest off a reference and writes it in full:
// "busybox:1.36" is "docker.io/library/busybox".
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	first, rest, deep := strings.Cut(ref, "/")
	switch {
	case !deep:
		return "docker.io/library/" + ref
	case first == "index.docker.io":
		return "docker.io/" + rest
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		return "docker.io/" + ref
	}
	return ref
}

package k8s

import (
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8stesting "k8s.io/client-go/testing"

	"github.com/snattop/snattop/k8s/nodepod"
)

func configMap(name, session string, age time.Duration) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system", CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
		Labels: map[string]string{nodepod.LabelName: nodepod.Name, nodepod.LabelManagedBy: nodepod.Name, nodepod.LabelSession: session}}}
}

func TestConfigMapsAreRemoved(t *testing.T) {
	foreign := configMap("foreign", "s9", time.Hour)
	delete(foreign.Labels, nodepod.LabelManagedBy)
	all := func() []runtime.Object {
		return []runtime.Object{
			configMap("mine", "s1", time.Hour), configMap("young", "s2", time.Minute), configMap("alive", "s3", time.Hour), configMap("old", "s4", time.Hour),
			foreign.DeepCopy(), nodePod("running", "s3", "Running", time.Hour),
		}
	}
	tests := []struct {
		name string
		do   func(*Client) error
		left []string
	}{
		{"sweep", func(c *Client) error {
			_, err := c.Sweep(t.Context(), "kube-system", "s1", OrphanAge, time.Now())
			return err
		}, []string{"alive", "foreign", "mine", "young"}},
		{"session", func(c *Client) error {
			_, err := c.RemoveConfigMaps(t.Context(), "kube-system", "s1")
			return err
		}, []string{"alive", "foreign", "old", "young"}},
		{"clean", func(c *Client) error {
			left, err := c.Clean(t.Context(), "")
			if n := len(left); n != 5 {
				t.Errorf("told of %d", n)
			}
			return err
		}, []string{"foreign"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, set := fakeClient(all()...)
			if err := tt.do(c); err != nil {
				t.Fatal(err)
			}
			l, err := set.CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range l.Items {
				got = append(got, m.Name)
			}
			if slices.Sort(got); !slices.Equal(got, tt.left) {
				t.Errorf("left %q, want %q", got, tt.left)
			}
		})
	}
	c, set := fakeClient(all()...)
	set.PrependReactor("list", "configmaps", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "", errors.New(`User "jane" cannot list resource "configmaps" in API group "" in the namespace "kube-system"`))
	})
	if _, err := c.Clean(t.Context(), ""); err != nil {
		t.Errorf("whoever may not list them may clean pods all the same: %v", err)
	}
}

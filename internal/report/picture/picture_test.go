package picture_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/report/picture"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	dark  = picture.Paper{Ink: color.RGBA{R: 0xd7, G: 0xdc, B: 0xe3}, Ground: color.RGBA{R: 0x12, G: 0x16, B: 0x1c}}
	light = picture.Paper{Ink: color.RGBA{R: 0x1f, G: 0x24, B: 0x2c}, Ground: color.RGBA{R: 0xff, G: 0xff, B: 0xff}}
)

// chart is every character that is drawn as a shape, and every style.
func chart() string {
	var b strings.Builder
	for r := rune(0x2500); r <= 0x259f; r++ {
		b.WriteRune(r)
		if r%32 == 31 {
			b.WriteByte('\n')
		}
	}
	for r := rune(0x2800); r <= 0x28ff; r += 5 {
		b.WriteRune(r)
	}
	return b.String() + "\n①②③④⑤⑥⑦⑧⑨ ❶❷❸❹❺❻❼❽❾ ⏵⏸⏺⟳ ▲!■✓?●○◌◷\n" +
		"╭──┬──╮ ╔══╦══╗ ┏━━┳━━┓\n│  │  │ ║  ║  ║ ┃  ┃  ┃\n├──┼──┤ ╠══╬══╣ ┣━━╋━━┫\n╰──┴──╯ ╚══╩══╝ ┗━━┻━━┛\n" +
		"\x1b[1mbold\x1b[0m \x1b[2mfaint\x1b[0m \x1b[4munder\x1b[0m \x1b[9mstruck\x1b[0m \x1b[7mreverse\x1b[0m \x1b[8mhidden\x1b[0m \x1b[31mred\x1b[0m " +
		"\x1b[38;5;208mindexed\x1b[0m \x1b[38;2;255;107;107;48;2;34;56;79mtrue\x1b[0m\ne\u0301 é 支払い\n"
}

func draw(t *testing.T, g *picture.Grid) (pixels image.Image, file []byte, missing []rune) {
	t.Helper()
	var b bytes.Buffer
	missing, err := g.PNG(&b)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Clone(b.Bytes())
	pixels, err = png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return pixels, file, missing
}

// hash is of what is seen, not of how it is compressed.
func hash(p image.Image) string {
	h := sha256.New()
	b := p.Bounds()
	fmt.Fprintln(h, b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := p.At(x, y).RGBA()
			h.Write([]byte{byte(r >> 8), byte(g >> 8), byte(bl >> 8)})
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, got)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, paper := range map[string]picture.Paper{"dark": dark, "light": light} {
		g := picture.Parse(chart(), 60, 15, paper)
		pixels, file, missing := draw(t, g)
		_, again, _ := draw(t, picture.Parse(chart(), 60, 15, paper))
		if !bytes.Equal(file, again) {
			t.Errorf("%s: the same screen gives other bytes", name)
		}
		if string(missing) != "支払い" {
			t.Errorf("%s: without a glyph are %q", name, string(missing))
		}
		if b := pixels.Bounds(); b.Dx() != 60*16+48 || b.Dy() != 15*32+48 {
			t.Errorf("%s: the picture is %v", name, b)
		}
		if !bytes.Contains(file[:60], []byte("pHYs")) {
			t.Errorf("%s: the file does not say how dense it is", name)
		}
		var b bytes.Buffer
		if err := g.SVG(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "chart-"+name+".svg", b.String())
		golden(t, "chart-"+name+".sha256", hash(pixels)+"\n")
	}
	golden(t, "chart.txt", picture.Parse(chart(), 60, 15, dark).Text())
}

// at is the colour of a pixel of a cell.
func at(p image.Image, column, row, x, y int) color.RGBA {
	r, g, b, _ := p.At(24+column*16+x, 24+row*32+y).RGBA()
	return color.RGBA{R: byte(r >> 8), G: byte(g >> 8), B: byte(b >> 8)}
}

// Bars have no seams: every pixel of neighbouring blocks and lines is ink, and
// an eighth of a cell is an eighth of its pixels.
func TestBlocksArePixelExact(t *testing.T) {
	t.Parallel()
	p, _, _ := draw(t, picture.Parse("██▏▁─│\n██\n\x1b[7m  \x1b[0m", 6, 3, dark))
	for x := range 32 {
		for y := range 64 {
			if got := at(p, 0, 0, x, y); got != dark.Ink {
				t.Fatalf("a seam at %d,%d: %v", x, y, got)
			}
		}
	}
	count := func(column int) (n int) {
		for x := range 16 {
			for y := range 32 {
				if at(p, column, 0, x, y) == dark.Ink {
					n++
				}
			}
		}
		return n
	}
	for column, want := range map[int]int{2: 2 * 32, 3: 16 * 4, 4: 16 * 2, 5: 2 * 32} {
		if got := count(column); got != want {
			t.Errorf("column %d has %d pixels of ink, want %d", column, got, want)
		}
	}
	if got := at(p, 1, 2, 8, 8); got != dark.Ink {
		t.Errorf("reversed space is %v", got)
	}
}

// Ink stays within the cells of its character.
func TestWideAndCombining(t *testing.T) {
	t.Parallel()
	p, _, missing := draw(t, picture.Parse("支x\ne\u0301\u0327\u0308|", 4, 2, light))
	if string(missing) != "支" {
		t.Errorf("missing: %q", string(missing))
	}
	box := 0
	for x := range 32 {
		if at(p, 0, 0, x, 6) == light.Ink {
			box++
		}
	}
	if box != 28 {
		t.Errorf("the box of a wide character is %d pixels wide, want 28", box)
	}
	if got, want := picture.Parse("支x\ne\u0301|", 4, 2, light).Text(), "支x\ne\u0301|\n"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	// A wide character that would stick out is left out.
	if got := picture.Parse("abc支", 4, 1, light).Text(); got != "abc\n" {
		t.Errorf("text %q", got)
	}
}

// A screen with more colours than a palette holds is still drawn.
func TestManyColours(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm#", i%256, i/8%256, 255-i%256, i*7%256, i*13%256, i*29%256)
		if i%100 == 99 {
			b.WriteByte('\n')
		}
	}
	p, _, _ := draw(t, picture.Parse(b.String(), 100, 20, dark))
	if at(p, 3, 0, 1, 1) == at(p, 50, 10, 1, 1) {
		t.Error("colours have run into one")
	}
}

// What wants to be markup, or to speak to a terminal, is text in every file.
func TestHostile(t *testing.T) {
	t.Parallel()
	evil := "</text><script>alert(1)</script>&'\"\x1b]0;owned\x07\x1b[2J\u202e\u2066\x00\x08\ufffe]]>" + strings.Repeat("a\u0301", 10) + "e" + strings.Repeat("\u0301", 5000) +
		"\n\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\\nx\x1b[31m\u0301y\tz"
	g := picture.Parse(evil, 80, 4, dark)
	text := g.Text()
	if !strings.HasPrefix(text, "</text><script>alert(1)</script>&'\"") || !strings.Contains(text, "link") {
		t.Errorf("text %q", text)
	}
	for _, r := range text {
		if r < 0x20 && r != '\n' || r == 0x7f || r == 0x202e || r == 0x2066 || r == 0xfffe {
			t.Errorf("the text holds %U", r)
		}
	}
	var b bytes.Buffer
	if err := g.SVG(&b); err != nil {
		t.Fatal(err)
	}
	elements(t, b.Bytes())
	if b.Len() > 20_000 || strings.Contains(b.String(), "evil.example") {
		t.Errorf("%d bytes: %s", b.Len(), b.String())
	}
	draw(t, g)
}

// elements fails the test unless a document is well-formed and made of nothing
// but what these pictures are made of.
func elements(t *testing.T, doc []byte) (text string) {
	t.Helper()
	var all strings.Builder
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, doc)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if !slices.Contains([]string{"svg", "rect", "path", "text", "tspan"}, tok.Name.Local) {
				t.Fatalf("it has an element %q", tok.Name.Local)
			}
			for _, a := range tok.Attr {
				if n := a.Name.Local; strings.HasPrefix(n, "on") || n == "href" || n == "style" || strings.Contains(a.Value, "url(") {
					t.Fatalf("it has an attribute %s=%q", n, a.Value)
				}
			}
		case xml.CharData:
			all.Write(tok)
		case xml.ProcInst, xml.Directive, xml.Comment:
			t.Fatalf("it has %v", tok)
		}
	}
}

func TestSVGHoldsTheText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := picture.Parse("aks-np1 \x1b[31m▲ exhausted\x1b[0m  ███▌ 98%\n\nlast", 40, 3, dark).SVG(&b); err != nil {
		t.Fatal(err)
	}
	if got := elements(t, b.Bytes()); !strings.Contains(got, "aks-np1 ▲ exhausted  ███▌ 98%") || !strings.Contains(got, "last") {
		t.Errorf("its text is %q", got)
	}
}

type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFullDisk(t *testing.T) {
	t.Parallel()
	g := picture.Parse("x", 10, 2, dark)
	if _, err := g.PNG(full{}); !errors.Is(err, errFull) {
		t.Errorf("png: %v", err)
	}
	if err := g.SVG(full{}); !errors.Is(err, errFull) {
		t.Errorf("svg: %v", err)
	}
}

func TestSizesAreBounded(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{-1, 0}, {1 << 30, 1 << 30}} {
		g := picture.Parse("x", s[0], s[1], dark)
		if g.Width < 1 || g.Width > picture.MaxWidth || g.Height < 1 || g.Height > picture.MaxHeight {
			t.Errorf("%v: %d×%d", s, g.Width, g.Height)
		}
	}
}

// FuzzParse: no screen makes it panic, and what comes out is bounded and inert.
func FuzzParse(f *testing.F) {
	f.Add(chart(), 60, 15)
	f.Add("\x1b[38;2;1;2;3m支\x1b[0m", 3, 1)
	f.Add("\x1b[48;5;300m\x1b[4:9m\u0301", 0, 0)
	f.Fuzz(func(t *testing.T, screen string, width, height int) {
		width, height = width%40, height%10
		g := picture.Parse(screen, width, height, dark)
		var b bytes.Buffer
		if err := g.SVG(&b); err != nil {
			t.Fatal(err)
		}
		elements(t, b.Bytes())
		b.Reset()
		if _, err := g.PNG(&b); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(g.Text(), "\n"); lines != g.Height {
			t.Fatalf("%d lines, want %d", lines, g.Height)
		}
		if len(g.Text()) > g.Width*g.Height*33+g.Height {
			t.Fatalf("%d bytes of text in %d×%d", len(g.Text()), g.Width, g.Height)
		}
	})
}

// page looks like one of ours of 200×60: words, numbers, bars in some colours.
func page(width, height int) string {
	var b strings.Builder
	for y := range height {
		line := fmt.Sprintf("\x1b[1maks-np1-vmss%06d\x1b[0m 10.224.%d.%d \x1b[38;2;255;107;107m▲ exhausted\x1b[0m ███████▌ \x1b[38;2;139;147;161m▁▂▃▄▅▆▇█\x1b[0m ", y, y, y*7%256)
		b.WriteString(line)
		for x := 60; x < width-8; x += 8 {
			fmt.Fprintf(&b, "\x1b[38;2;242;184;75m%7d\x1b[0m ", x*y*7919%1_000_000)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// BenchmarkPNG200x60 is held against 300 ms.
func BenchmarkPNG200x60(b *testing.B) {
	screen := page(200, 60)
	for b.Loop() {
		if _, err := picture.Parse(screen, 200, 60, dark).PNG(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// Package picture turns a screen as a terminal would be sent it into a picture:
// PNG, SVG or plain text.
//
// It knows nothing of pages: its input is text with SGR sequences, a size in
// cells and the colours of the paper. What it draws depends on nothing else, so
// the same screen gives the same bytes. Fonts are inside (DejaVu Sans Mono).
// Box lines, blocks, shades, braille and circled digits are drawn here, so that
// bars have no seams and no glyph has to be there for them.
package picture

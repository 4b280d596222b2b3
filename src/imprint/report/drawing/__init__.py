"""What figures are drawn with: one style, looks of lines, text that fits, sheets, axes and files."""

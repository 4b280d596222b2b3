"""Drawing tools of all figures: style, looks of lines, text that fits, sheets, axes and files."""

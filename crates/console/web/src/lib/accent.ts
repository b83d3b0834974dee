/// Makes of the one accent colour of the configuration those that keep enough contrast in both themes.

type Rgb = readonly [number, number, number];

/// The backgrounds that accented text stands on, worst case of each theme: `--sunken` and `--hover` of tokens.css.
const LIGHT_BACKGROUND: Rgb = [238, 240, 242];
const DARK_BACKGROUND: Rgb = [29, 36, 42];

/// WCAG AA for text.
const TEXT_CONTRAST = 4.5;

export interface AccentColors {
  /** The colour of filled buttons: as configured. */
  readonly solid: string;
  /** Text on it. */
  readonly onSolid: string;
  /** Links and marks in the light theme: as near to the configured colour as can be read. */
  readonly textLight: string;
  /** The same in the dark theme. */
  readonly textDark: string;
}

/** The colours for an accent written as `#rrggbb`; `undefined` if it is not. */
export function accentColors(accent: string): AccentColors | undefined {
  const solid = parse(accent);
  if (!solid) {
    return undefined;
  }
  // One of the two always has it: the worst colour has 4.58:1 to both black and white.
  const onSolid: Rgb = contrast(solid, [255, 255, 255]) >= TEXT_CONTRAST ? [255, 255, 255] : [0, 0, 0];
  return {
    solid: print(solid),
    onSolid: print(onSolid),
    textLight: print(readable(solid, LIGHT_BACKGROUND, [0, 0, 0])),
    textDark: print(readable(solid, DARK_BACKGROUND, [255, 255, 255])),
  };
}

/** The contrast of two colours, 1 to 21, as WCAG 2.2 defines it. */
export function contrast(one: Rgb, other: Rgb): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

export function parse(text: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  return digits ? (digits.slice(1).map((pair) => Number.parseInt(pair, 16)) as unknown as Rgb) : undefined;
}

function print(color: Rgb): string {
  return `#${color.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

/** Moves the colour towards black or white until it can be read. */
function readable(color: Rgb, background: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.02) {
    const mixed = color.map((part, index) => Math.round(part + ((towards[index] ?? 0) - part) * share)) as unknown as Rgb;
    if (contrast(mixed, background) >= TEXT_CONTRAST) {
      return mixed;
    }
  }
  return towards;
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (part: number) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

//! The contact sheet: the artist's artworks, then every prompt without and with the style. Plain: pictures and words in, pixels out.

use ab_glyph::{Font, FontRef, Glyph, ScaleFont, point};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// Side of a generated picture: twice that of the starter's.
const CELL_PX: u32 = 256;
const GAP_PX: u32 = 16;
const MARGIN_PX: u32 = 56;
/// Room for the words left of the rows.
const WORDS_PX: u32 = 190;
/// Between a row's end and the next one's words.
const ROW_GAP_PX: u32 = 44;
/// Room for two lines over a column and for the seed under it.
const PROMPT_PX: u32 = 62;
const SEED_PX: u32 = 30;
const TITLE_PX: u32 = 120;

const PAPER: Rgb<u8> = Rgb([250, 249, 246]);
const INK: Rgb<u8> = Rgb([32, 33, 36]);
const PALE_INK: Rgb<u8> = Rgb([105, 108, 115]);
/// Around pictures, so that a light one has an edge.
const EDGE: Rgb<u8> = Rgb([222, 220, 214]);

/// What stands over a column.
pub(super) struct Column {
    /// Ordered tags.
    pub(super) prompt: String,
    /// Of both pictures.
    pub(super) seed: u64,
}

/// All that is on the sheet.
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) artworks: Vec<RgbImage>,
    pub(super) columns: Vec<Column>,
    /// One a column.
    pub(super) without: Vec<RgbImage>,
    /// One a column.
    pub(super) with: Vec<RgbImage>,
}

impl Sheet {
    pub(super) fn draw(&self) -> RgbImage {
        let columns = self.columns.len() as u32;
        let width_of_pictures = columns * (CELL_PX + GAP_PX) - GAP_PX;
        let artworks = (self.artworks.len() as u32).max(1);
        let artwork_px = (width_of_pictures + GAP_PX) / artworks - GAP_PX;
        let (left, artworks_top) = (MARGIN_PX + WORDS_PX, MARGIN_PX + TITLE_PX);
        let prompts_top = artworks_top + artwork_px + ROW_GAP_PX;
        let without_top = prompts_top + PROMPT_PX;
        let with_top = without_top + CELL_PX + GAP_PX;
        let height = with_top + CELL_PX + SEED_PX + MARGIN_PX;
        let mut paper = RgbImage::from_pixel(left + width_of_pictures + MARGIN_PX, height, PAPER);
        let (plain, bold) = (Pen::plain(), Pen::bold());

        bold.write(&mut paper, &self.title, MARGIN_PX, MARGIN_PX, 40.0, INK);
        plain.write(&mut paper, &self.subtitle, MARGIN_PX, MARGIN_PX + 58, 22.0, PALE_INK);
        let rows = [
            (artworks_top, artwork_px, ["the artist's", "artworks"]),
            (without_top, CELL_PX, ["without", "the style"]),
            (with_top, CELL_PX, ["with", "the style"]),
        ];
        for (top, side, words) in rows {
            for (word, line) in words.iter().zip(0..) {
                bold.write(&mut paper, word, MARGIN_PX, top + side / 2 - 28 + line * 28, 22.0, INK);
            }
        }
        for (artwork, i) in self.artworks.iter().zip(0..) {
            put(
                &mut paper,
                artwork,
                left + i * (artwork_px + GAP_PX),
                artworks_top,
                artwork_px,
            );
        }
        for (column, i) in self.columns.iter().zip(0..) {
            let x = left + i * (CELL_PX + GAP_PX);
            for (line, n) in plain.wrap(&column.prompt, CELL_PX as f32, 19.0).iter().take(2).zip(0..) {
                plain.write(&mut paper, line, x, prompts_top + n * 26, 19.0, INK);
            }
            let seed = format!("seed {}", column.seed);
            plain.write(&mut paper, &seed, x, with_top + CELL_PX + 8, 17.0, PALE_INK);
            for (row, top) in [(&self.without, without_top), (&self.with, with_top)] {
                if let Some(picture) = row.get(i as usize) {
                    put(&mut paper, picture, x, top, CELL_PX);
                }
            }
        }
        paper
    }
}

/// Lays the middle square of `picture` down with a thin edge around it.
fn put(paper: &mut RgbImage, picture: &RgbImage, left: u32, top: u32, side: u32) {
    let short = picture.width().min(picture.height());
    let (x, y) = ((picture.width() - short) / 2, (picture.height() - short) / 2);
    let square = imageops::crop_imm(picture, x, y, short, short).to_image();
    // Smooth like a print; enlarged pixels would be the first thing that one sees.
    let square = imageops::resize(&square, side, side, FilterType::CatmullRom);
    for y in top.saturating_sub(1)..=top + side {
        for x in left.saturating_sub(1)..=left + side {
            if let Some(pixel) = paper.get_pixel_mut_checked(x, y) {
                *pixel = EDGE;
            }
        }
    }
    imageops::replace(paper, &square, left.into(), top.into());
}

/// Writes in one weight of DejaVu Sans, which comes with the program: no system font is asked for.
struct Pen(FontRef<'static>);

impl Pen {
    fn plain() -> Self {
        Self::of(dejavu::sans::regular())
    }

    fn bold() -> Self {
        Self::of(dejavu::sans::bold())
    }

    fn of(font: &'static [u8]) -> Self {
        Self(FontRef::try_from_slice(font).expect("the font is part of the program, and tested"))
    }

    /// One line, its upper left corner at `left` and `top`.
    fn write(&self, paper: &mut RgbImage, words: &str, left: u32, top: u32, size_px: f32, ink: Rgb<u8>) {
        for glyph in self.glyphs(words, left as f32, top as f32, size_px) {
            let Some(outline) = self.0.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            outline.draw(|x, y, covered| {
                let (x, y) = (bounds.min.x + x as f32, bounds.min.y + y as f32);
                if x >= 0.0
                    && y >= 0.0
                    && let Some(pixel) = paper.get_pixel_mut_checked(x as u32, y as u32)
                {
                    for (under, over) in pixel.0.iter_mut().zip(ink.0) {
                        let mixed = f32::from(*under) + (f32::from(over) - f32::from(*under)) * covered.clamp(0.0, 1.0);
                        *under = mixed.round() as u8;
                    }
                }
            });
        }
    }

    fn glyphs(&self, words: &str, left: f32, top: f32, size_px: f32) -> Vec<Glyph> {
        let font = self.0.as_scaled(size_px);
        let mut x = left;
        let mut glyphs = Vec::new();
        let mut before = None;
        for letter in words.chars() {
            let id = font.glyph_id(letter);
            if let Some(before) = before {
                x += font.kern(before, id);
            }
            glyphs.push(id.with_scale_and_position(size_px, point(x, top + font.ascent())));
            x += font.h_advance(id);
            before = Some(id);
        }
        glyphs
    }

    fn width(&self, words: &str, size_px: f32) -> f32 {
        let font = self.0.as_scaled(size_px);
        words.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
    }

    /// Lines of at most `width_px`, broken between words.
    fn wrap(&self, words: &str, width_px: f32, size_px: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in words.split(' ') {
            let line = lines.last_mut().expect("it begins with a line, and none is taken away");
            let longer = format!("{line}{}{word}", if line.is_empty() { "" } else { " " });
            if self.width(&longer, size_px) <= width_px || line.is_empty() {
                *line = longer;
            } else {
                lines.push(word.to_owned());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_every_picture_and_words() {
        let red = RgbImage::from_pixel(128, 128, Rgb([200, 0, 0]));
        let columns = (0..6).map(|seed| Column {
            prompt: "house, white, one, forest, noon, mountains".into(),
            seed,
        });
        let sheet = Sheet {
            title: "“ink” by Somebody".into(),
            subtitle: "a style".into(),
            artworks: vec![red.clone(); 8],
            columns: columns.collect(),
            without: vec![red.clone(); 6],
            with: vec![red; 6],
        };
        let drawn = sheet.draw();
        let reds = drawn.pixels().filter(|pixel| pixel.0 == [200, 0, 0]).count();
        assert!(reds >= 12 * 256 * 256, "{reds}");
        let inks = drawn.pixels().filter(|pixel| **pixel == INK).count();
        assert!(inks > 1000, "{inks}");
    }

    #[test]
    fn a_prompt_is_broken_between_its_words() {
        let pen = Pen::plain();
        let lines = pen.wrap("castle, blue, one, snowfield, night, moon", 256.0, 19.0);
        assert!(
            lines.len() == 2 && lines.iter().all(|line| pen.width(line, 19.0) <= 256.0),
            "{lines:?}"
        );
    }
}

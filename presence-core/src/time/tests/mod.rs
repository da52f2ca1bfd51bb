mod clocks;
mod line;
mod view;

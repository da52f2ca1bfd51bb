mod clocks;
mod fresh;
mod line;
mod observed;
mod view;

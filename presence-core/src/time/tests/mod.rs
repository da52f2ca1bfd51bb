mod clocks;
mod view;

//! The one style, by example.

use crate::library::sources;
use crate::tools::check_format;

#[test]
fn the_library_and_the_examples_are_in_the_style() {
    for (path, text) in sources() {
        assert_eq!(moe_grammar::format(&text).unwrap(), text, "{}: run `moe fmt`", path.display());
        check_format(&text);
    }
}

const UNTIDY: &str = "\
moe 1
//! top
// licence
use a::b


use a::{c,d as e}
/// doc
model   X [ D=512,K = 2 ] ( x : f32[ N,D ] ,y:f32[..,K of D else -inf] )->f32[N,D] { // head

  weight a,b:f32[D] = zeros  frozen   prox l1(lambda) // trailing


  // own
  /// doc of

  part g=[swiglu[ H ];E]; part q = [a,b[3],] ; // after
  let (u,v) = f ( x ,-y , over ( A,B ) , up.weight=3 )
  let h = x + // why
      y *
      // own inside
      3
  let k = q as [ S=T ] @ k[ _ , 1 .. 3 , ..] as f32
  repeat i in L { x = block[i](x) }
  if a==b { x } else if c { let z = 1; y } else { some_very_long_function_name(argument_number_one, argument_number_two) + 3 }

}
fn g(x: f32[T[B], C of N, K of (I,J), Pixel=784]) -> (a: f32, b: f32[4*D],) {
 max (i: I, j : J) where m [i,j]!=0 { t[i,j] } + fold n with a = 1, b = 2 { (a+b, a - b) } + some_function(first_argument * second_argument, third[ // why
   3, 4 // end
   // last
 ])
}
test t { assert !close(a, [1,2,3], -1e-6) && very_long_name_of_something_else_entirely == another_long_name || third_name_long < 3 }
weights X from y { experts.{gate,up}:\"a.{i}\" split rows transpose, c.*: \"d\" // c
  layers.{i}.x: \"y\" stack i cast f32 }
quantize X { experts: { up: int4[group=32]; down: ternary }, *: keep }
// end";

#[test]
fn an_untidy_program() {
    check_format(UNTIDY);
    insta::assert_snapshot!("untidy", format!("{UNTIDY}\n=====\n{}", moe_grammar::format(UNTIDY).unwrap()));
}

#[test]
fn comments_in_odd_places() {
    for text in [
        "fn f( // a\n // b\n x: f32 // c\n , // d\n // e\n y: f32, // f\n // g\n ) // h\n -> // i\n f32 // j\n { // k\n // l\n x // m\n // n\n } // o\n // p",
        "fn f(x: f32) -> f32 {\n (x // a\n - // b\n y) + [ // c\n ] // d\n + { // e\n } // f\n}\n",
        "use a::{ // a\n b, // b\n // c\n c // d\n // e\n}",
        "weights A from b { // a\n // b\n c.{d, // e\n f}: \"x\" // g\n // h\n}\n",
        "fn f(x: f32) -> f32 {\n x // a\n // b\n * y // c\n @ // d\n // e\n z\n}\n",
        "fn f(x: f32) -> f32 {\n if x { y } // a\n // b\n else // c\n { z }\n}\n",
        "fn f(x: f32) -> f32 {\n let y = x; // a\n /// b\n y /// c\n /// d\n}\n/// e\n//! f\n",
        "// a\n\n// b\nmoe 1 // c\n// d\n//! e\n\n//! f\n// g\nuse x // h\n// i\nuse y\n",
        "fn f(x: f32) -> f32 { }\n// a\nfn g(x: f32) -> f32 { // a\n}\n",
        "fn f(x: f32[N, // a\n D // b\n else // c\n 3 // d\n ]) -> f32 { x }",
        "fn f(x: f32) -> f32 {\n part p = [ // a\n a // b\n ; // c\n E // d\n ]\n x\n}",
        "//! a\u{b}\n/// b\u{a0}\nfn f(x: f32) -> f32 { // c\u{2003} \n x // \u{c}\n}\n",
    ] {
        check_format(text);
        assert!(moe_grammar::format(text).is_ok(), "{text}\n{}", crate::tools::mistakes(text));
    }
}

<?php
// What php's own server answers.
if ($_SERVER['REQUEST_URI'] === '/upload') {
	echo md5(file_get_contents('php://input'));
	return;
}
if ($_SERVER['REQUEST_URI'] === '/big') {
	echo str_repeat("0123456789\n", 300000);
	return;
}
echo "hello\n";
